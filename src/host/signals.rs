//! Signals that interrupt this process, and the pipe by which a parent process interrupts its child.
//! Nothing is handled before a command calls [`install`].

use super::stop::Stop;
use anyhow::{Context as _, Result};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT; on Windows, Ctrl-C or Ctrl-Break
    Interrupt = 2,
    /// SIGTERM
    Terminate = 15,
}

impl Signal {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// Returns the exit code of a process that it ended: 130 or 143.
    pub fn exit_code(self) -> u8 {
        128 + self as u8
    }

    fn of(number: usize) -> Option<Self> {
        [Self::Interrupt, Self::Terminate].into_iter().find(|&signal| signal as usize == number)
    }
}

/// Number of the last signal received, 0 before the first.
static RECEIVED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Returns the signal that interrupted this process, if one did.
pub fn interrupted() -> Option<Signal> {
    Signal::of(RECEIVED.load(Ordering::SeqCst))
}

/// From now on the first SIGINT or SIGTERM (on Windows, Ctrl-C or Ctrl-Break) requests a stop, and the second ends the
/// process at once. In a child started by [`spawn`], so does its parent.
///
/// # Errors
/// If the operating system refuses a handler.
pub fn install() -> Result<Stop> {
    handle().context("signals cannot be handled")?;
    if std::env::var_os(CHILD).is_some() {
        std::thread::spawn(obey_parent);
    }
    Ok(Stop::when(|| interrupted().is_some()))
}

#[cfg(unix)]
fn handle() -> std::io::Result<()> {
    use signal_hook::flag;
    let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    for signal in [Signal::Interrupt, Signal::Terminate] {
        let number = signal as i32;
        // In this order: the first signal arms, the next one exits.
        flag::register_conditional_shutdown(number, signal.exit_code().into(), armed.clone())?;
        flag::register_usize(number, RECEIVED.clone(), signal as usize)?;
        flag::register(number, armed.clone())?;
    }
    Ok(())
}

#[cfg(windows)]
fn handle() -> std::io::Result<()> {
    let handler = || {
        if RECEIVED.swap(Signal::Interrupt as usize, Ordering::SeqCst) != 0 {
            std::process::exit(Signal::Interrupt.exit_code().into());
        }
    };
    ctrlc::set_handler(handler).map_err(std::io::Error::other)
}

/// Environment variable of a child whose stdin is a pipe from its parent.
const CHILD: &str = "BLENDFUSE_CHILD";

/// Starts `command` as a child that ends at once when this process ends for any reason, and that [`forward`] interrupts;
/// it must call [`install`].
///
/// # Errors
/// If it cannot be started.
pub fn spawn(command: &mut Command) -> std::io::Result<Child> {
    command.env(CHILD, "1").stdin(Stdio::piped()).spawn()
}

/// Interrupts a child started by [`spawn`] as `signal` would.
pub fn forward(child: &mut Child, signal: Signal) {
    if let Some(pipe) = &mut child.stdin {
        // Fails if the child has ended, which is what is asked of it.
        let _ = pipe.write_all(&[signal as u8]);
    }
}

/// Waits for bytes from the parent, each a signal; the end of the pipe is the end of the parent.
///
/// A terminal or scheduler may send the same signal to both processes: a forwarded one never counts as the second.
fn obey_parent() {
    for byte in std::io::stdin().lock().bytes() {
        let Ok(byte) = byte else { break };
        if let Some(signal) = Signal::of(byte.into()) {
            RECEIVED.store(signal as usize, Ordering::SeqCst);
        }
    }
    end_at_once();
}

/// Ends without destructors, which wait for threads that compute.
fn end_at_once() -> ! {
    let code = i32::from(Signal::Terminate.exit_code());
    #[cfg(unix)]
    signal_hook::low_level::exit(code);
    #[cfg(not(unix))]
    std::process::exit(code)
}
