//! The house: rooms (the modules of `lib.rs`) stand on floors, imports run downwards only, and no files of a room run in a
//! circle. Read from the sources' `use` lines and paths; `#[cfg(test)]` modules may look anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From the top floor down. Rooms of one floor do not import each other.
const FLOORS: [&[&str]; 17] = [
    &["main"],
    &["cli"],
    &["report"],
    &["sweep", "baselines", "analysis"],
    &["cv"],
    &["predict"],
    &["train"],
    &["runs"],
    &["bench", "check"],
    &["model"],
    &["scoring"],
    &["data"],
    &["kernels"],
    &["engine"],
    &["gpu"],
    &["kernel", "config"],
    &["host"],
];

/// Lines of a file in `src/` at most.
const MOST_LINES: usize = 300;

/// A source file: its module path (`["data", "npz", "read"]`) and what it imports.
struct Source {
    path: PathBuf,
    module: Vec<String>,
    imports: BTreeSet<Vec<String>>,
}

fn sources() -> Vec<Source> {
    fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            match path.is_dir() {
                true => collect(&path, files),
                false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
                false => {}
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(files.len() > 100, "found {} files in src, expected the whole library", files.len());
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source can be read");
        let relative = path.strip_prefix(&root).expect("below src").with_extension("");
        let module: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        Source { imports: imports(&text, &module), module, path }
    };
    files.into_iter().map(source).collect()
}

/// Paths below the crate that a text names, `use` lists taken apart: `crate::a::{b, c::D}` gives a::b and a::c::D.
fn imports(text: &str, module: &[String]) -> BTreeSet<Vec<String>> {
    let text = text.split("#[cfg(test)]\nmod ").next().expect("a text has a front");
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (start, from) in [("crate::", Vec::new()), ("super::", module[..module.len() - 1].to_vec())] {
        for (at, _) in code.match_indices(start) {
            // `super::super::` is read at its last one: too short a path, not a wrong room.
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                paths(&code[at + start.len()..], &from, &mut found);
            }
        }
    }
    found
}

/// The paths that `text` begins with, below `from`.
fn paths(text: &str, from: &[String], found: &mut BTreeSet<Vec<String>>) {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let rest = &text[name.len()..];
    let mut path = from.to_vec();
    if !name.is_empty() {
        path.push(name);
    }
    if let Some(rest) = rest.strip_prefix("::") {
        paths(rest, &path, found);
    } else if let Some(list) = rest.strip_prefix('{') {
        let (mut depth, mut start) = (0, 0);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                ',' | '}' if depth == 0 => {
                    paths(list[start..at].trim_start(), &path, found);
                    start = at + 1;
                    if c == '}' {
                        break;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    } else {
        found.insert(path);
    }
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

#[test]
fn every_room_has_a_floor() {
    let rooms: BTreeSet<String> = sources().into_iter().map(|source| source.module[0].clone()).collect();
    let declared: BTreeSet<String> =
        FLOORS.iter().flat_map(|floor| floor.iter().map(|room| (*room).to_owned())).collect();
    let found: BTreeSet<String> = rooms.into_iter().filter(|room| room != "lib").collect();
    assert_eq!(found, declared, "FLOORS names each module of lib.rs, and main, once");
}

#[test]
fn imports_run_downwards() {
    let mut upwards = Vec::new();
    for source in sources().iter().filter(|source| source.module[0] != "lib") {
        let from = &source.module[0];
        let own = floor(from).expect("every room has a floor");
        for import in source.imports.iter().filter(|import| import.first().is_some_and(|room| room != from)) {
            // Macros and types of lib.rs itself stand on no floor.
            if floor(&import[0]).is_some_and(|other| other <= own) {
                upwards.push(format!("{} imports {}", source.path.display(), import.join("::")));
            }
        }
    }
    assert!(upwards.is_empty(), "imports that do not run downwards:\n{}", upwards.join("\n"));
}

/// A file and the files that it imports from within the crate, but for a module and what it declares: those know each other.
#[test]
fn files_run_in_no_circle() {
    let sources = sources();
    let modules: BTreeMap<&[String], usize> =
        sources.iter().enumerate().map(|(i, source)| (&source.module[..], i)).collect();
    // The file that holds a path: the longest module on its way.
    let file = |path: &[String]| (1..=path.len()).rev().find_map(|length| modules.get(&path[..length]).copied());
    let related = |a: &Source, b: &Source| a.module.starts_with(&b.module) || b.module.starts_with(&a.module);
    let arrows: Vec<BTreeSet<usize>> = sources
        .iter()
        .enumerate()
        .map(|(i, source)| {
            let targets = source.imports.iter().filter_map(|path| file(path));
            targets.filter(|&j| j != i && !related(source, &sources[j])).collect()
        })
        .collect();
    // What has no arrow to a file that is left can be in no circle.
    let mut left: BTreeSet<usize> = (0..sources.len()).collect();
    loop {
        let ends: Vec<usize> = left.iter().copied().filter(|&i| arrows[i].is_disjoint(&left)).collect();
        if ends.is_empty() {
            break;
        }
        left.retain(|file| !ends.contains(file));
    }
    let names: Vec<String> = left.iter().map(|&i| sources[i].path.display().to_string()).collect();
    assert!(left.is_empty(), "files that import each other in a circle, or lead into one:\n{}", names.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source, std::fs::read_to_string(&source.path).expect("it was read before").lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(source, lines)| format!("{}: {lines}", source.path.display()))
        .collect();
    assert!(long.is_empty(), "files of more than {MOST_LINES} lines; split them by their ideas:\n{}", long.join("\n"));
}

#[test]
fn lists_of_imports_are_taken_apart() {
    let module = ["a".to_owned(), "b".to_owned()];
    let text = "use crate::x::{self, y::{Z, w}, V};\nuse super::c::D; // crate::no::comment\nlet e = crate::q::run();\n\
                #[cfg(test)]\nmod tests {\n    use crate::cli::Top;\n}\n";
    let found: Vec<String> = imports(text, &module).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["a::c::D", "q::run", "x::V", "x::self", "x::y::Z", "x::y::w"]);
}
