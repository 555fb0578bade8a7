//! Claims on folders: one process writes into a folder at a time, and a second one learns which process and host that is.
//!
//! A claim is a locked file (`flock`) that names its holder; the system releases the lock however the process ends. Some
//! network file systems have no locks, or locks that only hold within one machine. There, and with `BLENDFUSE_LOCKS=folder`, a
//! folder beside the file is the claim: it appears complete by a rename, which succeeds for one process only, and the claim of
//! a process of this machine that has ended is taken over.

use super::files::{folder_of, remove_stale};
use super::system::{Process, hostname, pid_space, process};
use super::ui::note;
use anyhow::{Context as _, Result, bail};
use indicatif::HumanDuration;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `folder`: claims are folders, as on file systems without locks.
const VARIABLE: &str = "BLENDFUSE_LOCKS";

/// A claim of this process; dropping it releases it.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    owner: Owner,
    lock: Option<File>,
    folder: Option<PathBuf>,
}

/// The process that holds a claim, as the claim records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    host: String,
    pid: u32,
    /// When the process started, in the system's notation
    start: String,
    /// Boot and pid namespace, where the system reports them
    space: String,
    /// Seconds since 1970 when it claimed
    since: u64,
}

/// Another process that holds a claim. Displays as `process 4242 on node7, for 3 minutes`.
#[derive(Debug)]
pub struct Holder {
    owner: Option<Owner>,
    /// What stays behind if it is killed, where the system does not release it
    left: Option<PathBuf>,
}

impl Claim {
    /// Claims by a file, which is made; `Err` inside names the process that holds the claim.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn take(path: &Path) -> Result<Result<Self, Holder>> {
        let mut claim = Self { path: path.to_owned(), owner: Owner::this(), lock: None, folder: None };
        let by_folder = std::env::var_os(VARIABLE).is_some_and(|value| value == "folder");
        if !by_folder && let Err(holder) = claim.lock()? {
            return Ok(Err(holder));
        }
        let folder = claim_folder(path);
        if claim.lock.is_none() {
            // Processes elsewhere may have locks.
            if let Some(owner) = Owner::read(path).filter(|owner| *owner != claim.owner && !owner.has_ended()) {
                return Ok(Err(Holder { owner: Some(owner), left: Some(path.to_owned()) }));
            }
        } else if !folder.exists() {
            return Ok(Ok(claim));
        }
        if let Err(holder) = claim.make_folder(&folder)? {
            return Ok(Err(holder));
        }
        claim.folder = Some(folder);
        Ok(Ok(claim))
    }

    /// Claims by a file, for work such as `training this run`.
    ///
    /// # Errors
    /// Another process holds the claim, or the file cannot be created.
    pub fn of(folder: &Path, file: &str, work: &str) -> Result<Self> {
        match Self::take(&folder.join(file))? {
            Ok(claim) => Ok(claim),
            Err(holder) => bail!(
                "{}: found another process {work}: {holder}; wait for it, or choose another folder{}",
                folder.display(),
                holder.advice()
            ),
        }
    }

    /// The process that holds a claim; changes nothing.
    pub fn holder(path: &Path) -> Option<Holder> {
        let folder = claim_folder(path);
        let owner = Owner::read(&folder.join(OWNER)).filter(|owner| !owner.has_ended());
        if owner.is_some() {
            return Some(Holder { owner, left: Some(folder) });
        }
        let file = File::open(path).ok()?;
        matches!(file.try_lock(), Err(TryLockError::WouldBlock))
            .then(|| Holder { owner: Owner::read(path), left: None })
    }

    /// False where the claim was deleted or replaced, as with its whole folder.
    pub fn is_held(&self) -> bool {
        let locked = self.lock.as_ref().is_none_or(|file| is_at(file, &self.path));
        let made = |folder: &PathBuf| Owner::read(&folder.join(OWNER)).as_ref() == Some(&self.owner);
        locked && self.folder.as_ref().is_none_or(made)
    }

    /// Locks the file where the file system has locks.
    fn lock(&mut self) -> Result<Result<(), Holder>> {
        loop {
            let is_new = !self.path.exists();
            let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&self.path);
            let mut file = file.with_context(|| {
                format!(
                    "{}: cannot be created, so its folder cannot be claimed; check that it can be written to",
                    self.path.display()
                )
            })?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &self.path) => {
                    let written = file.set_len(0).and_then(|()| file.write_all(self.owner.json().as_bytes()));
                    written.with_context(|| format!("{}: cannot be written", self.path.display()))?;
                    self.lock = Some(file);
                    return Ok(Ok(()));
                }
                // Its holder released and removed it meanwhile.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Ok(Err(Holder { owner: Owner::read_soon(&self.path), left: None }));
                }
                Err(TryLockError::Error(_)) => {
                    if is_new {
                        let _ = fs::remove_file(&self.path);
                    }
                    return Ok(Ok(()));
                }
            }
        }
    }

    /// Makes the folder that is the claim, or takes over that of a process that has ended.
    fn make_folder(&self, folder: &Path) -> Result<Result<(), Holder>> {
        let cannot = || format!("{}: cannot be created, so its folder cannot be claimed", folder.display());
        let own = with_suffix(folder, &format!(".{}.{}.partial", self.owner.host, self.owner.pid));
        if let Some(name) = folder.file_name() {
            remove_stale(folder_of(folder), name);
        }
        fs::create_dir_all(&own).with_context(cannot)?;
        let made = fs::write(own.join(OWNER), self.owner.json()).and_then(|()| fs::rename(&own, folder));
        let Err(error) = made else { return Ok(Ok(())) };
        let _ = fs::remove_dir_all(&own);
        if !matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) {
            return Err(error).with_context(cannot);
        }
        let ended = Owner::read(&folder.join(OWNER)).filter(Owner::has_ended);
        // Only one process at a time may take over; what it finds may have been taken over before.
        let taking = folder.join("takeover");
        if ended.is_some() && fs::create_dir(&taking).is_ok() {
            let ended = Owner::read(&folder.join(OWNER)).filter(Owner::has_ended);
            let written = match &ended {
                Some(_) => fs::write(folder.join("next"), self.owner.json())
                    .and_then(|()| fs::rename(folder.join("next"), folder.join(OWNER))),
                None => Ok(()),
            };
            let _ = fs::remove_dir(&taking);
            written.with_context(|| format!("{}: cannot be taken over", folder.display()))?;
            if let Some(owner) = ended {
                let (shown, pid) = (folder.display(), owner.pid);
                note(format_args!("warning: {shown}: taken over from process {pid} of this machine, which has ended"));
                return Ok(Ok(()));
            }
        }
        Ok(Err(Holder { owner: Owner::read(&folder.join(OWNER)), left: Some(folder.to_owned()) }))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take()
            && Owner::read(&folder.join(OWNER)).as_ref() == Some(&self.owner)
        {
            let _ = fs::remove_dir_all(folder);
        }
        // Removed while it is locked: whoever opened it before sees that it is no longer at its place.
        if let Some(file) = self.lock.take()
            && cfg!(unix)
            && is_at(&file, &self.path)
        {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// In the folder that is a claim: who holds it.
const OWNER: &str = "owner.json";

impl Owner {
    fn this() -> Self {
        let pid = std::process::id();
        let start = match process(pid) {
            Process::Running(start) => start,
            Process::Ended | Process::Unknown => String::new(),
        };
        Self { host: hostname(), pid, start, space: pid_space(), since: now() }
    }

    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Likewise; its holder may be about to write it.
    fn read_soon(path: &Path) -> Option<Self> {
        let pauses = [0, 5, 20, 80].map(Duration::from_millis);
        pauses.into_iter().find_map(|pause| {
            std::thread::sleep(pause);
            Self::read(path)
        })
    }

    fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and words are JSON") + "\n"
    }

    /// True only where this machine can tell.
    fn has_ended(&self) -> bool {
        if (&self.host, &self.space) != (&hostname(), &pid_space()) {
            return false;
        }
        match process(self.pid) {
            Process::Running(start) => start != self.start,
            Process::Ended => true,
            Process::Unknown => false,
        }
    }
}

impl Holder {
    fn advice(&self) -> String {
        let delete = |left: &PathBuf| format!("; if that process has ended, delete {}", left.display());
        self.left.as_ref().map_or(String::new(), delete)
    }
}

impl Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(owner) = &self.owner else { return f.write_str("a process that left no name") };
        let held = Duration::from_secs(now().saturating_sub(owner.since));
        write!(f, "process {} on {}, for {}", owner.pid, owner.host, HumanDuration(held))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn claim_folder(path: &Path) -> PathBuf {
    with_suffix(path, ".d")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether an open file still is the one of that name.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        file.metadata().map(id).ok().is_some_and(|own| fs::metadata(path).map(id).ok() == Some(own))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}
