//! What the Markdown pages state: the table of keys, commands, links, examples.

use blendfuse::cli::Cli;
use blendfuse::config::Config;
use clap::Parser as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page that users read, as a path from the root.
fn pages() -> Vec<String> {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).expect("the sources are here");
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let mut pages: Vec<String> = names(".").into_iter().filter(|name| name.ends_with(".md")).collect();
    pages.extend(names("docs").into_iter().filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")));
    pages.extend(["tests/golden/README.md", "tests/ridge/README.md"].map(str::to_owned));
    pages.sort();
    pages
}

// Configuration

/// Each key in the order of the sources, its default, and the doc comment of its field.
#[test]
fn the_table_of_keys_is_that_of_the_configuration() {
    const START: &str = "--test docs` -->\n";
    const END: &str = "<!-- /keys -->";
    let page = read("docs/configuration.md");
    let (front, rest) = page.split_once(START).expect("the start of the table");
    let (found, back) = rest.split_once(END).expect("the end of the table");
    let expected = table();
    if std::env::var_os("BLESS").is_some() {
        let blessed = format!("{front}{START}{expected}{END}{back}");
        std::fs::write(root().join("docs/configuration.md"), blessed).unwrap();
        return;
    }
    for row in expected.lines() {
        assert!(
            found.contains(row),
            "docs/configuration.md lacks {row}\nrun: BLESS=1 cargo test --release --test docs"
        );
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "docs/configuration.md has a row too many");
}

fn table() -> String {
    let defaults: toml::Value = toml::Value::Table(Config::default().to_toml().parse().unwrap());
    let mut table = "| key | default | meaning |\n|---|---|---|\n".to_owned();
    let mut keys = Vec::new();
    for (key, meaning) in meanings(&fields(), "Config", "") {
        assert!(!meaning.is_empty(), "{key}: its field has no doc comment");
        let default = key.split('.').fold(&defaults, |value, name| &value[name]);
        table += &format!("| `{key}` | `{default}` | {} |\n", meaning.replace('|', "\\|"));
        keys.push(key);
    }
    keys.sort();
    let mut expected = Config::keys();
    expected.sort();
    assert_eq!(keys, expected, "fields found in src/config/");
    table
}

/// Keys with the doc comments of their fields, below the struct `holder`.
fn meanings(fields: &[Field], holder: &str, front: &str) -> Vec<(String, String)> {
    let of = |field: &Field| {
        let key = format!("{front}{}", field.name);
        if fields.iter().any(|inner| inner.holder == field.kind) {
            meanings(fields, &field.kind, &format!("{key}."))
        } else {
            vec![(key, field.comment.clone())]
        }
    };
    fields.iter().filter(|field| field.holder == holder).flat_map(of).collect()
}

/// A public field in the sources of the configuration.
struct Field {
    /// The struct
    holder: String,
    name: String,
    kind: String,
    comment: String,
}

fn fields() -> Vec<Field> {
    let files = std::fs::read_dir(root().join("src/config")).expect("the sources are here");
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.extend([root().join("src/config.rs")].into_iter().filter(|path| path.exists()));
    let mut fields = Vec::new();
    for path in paths {
        let source = std::fs::read_to_string(&path).unwrap();
        let (mut holder, mut comment) = (String::new(), Vec::new());
        for line in source.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("/// ") {
                comment.push(text.to_owned());
            } else if let Some(rest) = line.strip_prefix("pub struct ") {
                holder = rest.trim_end_matches(" {").to_owned();
                comment.clear();
            } else if let Some((name, kind)) = line.strip_prefix("pub ").and_then(|rest| rest.split_once(": ")) {
                let comment = std::mem::take(&mut comment).join(" ");
                let kind = kind.trim_end_matches(',').to_owned();
                fields.push(Field { holder: holder.clone(), name: name.to_owned(), kind, comment });
            } else if !line.starts_with('#') {
                comment.clear();
            }
        }
    }
    fields
}

// Commands

/// Every `blendfuse` command of the pages has options that there are.
#[test]
fn commands_can_be_parsed() {
    let mut count = 0;
    for page in pages() {
        for line in shell_lines(&read(&page)) {
            let Some(command) = line.strip_prefix("blendfuse ") else { continue };
            let words = words(command.split(" #").next().unwrap().split(" > ").next().unwrap());
            if words.contains(&"…".to_owned()) {
                continue;
            }
            let parsed = Cli::try_parse_from(std::iter::once("blendfuse".to_owned()).chain(words));
            parsed.unwrap_or_else(|error| panic!("{page}: {line}\n{error}"));
            count += 1;
        }
    }
    assert!(count > 30, "found {count} commands");
}

/// Lines of the blocks in `sh`.
fn shell_lines(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
}

// Links

/// Every relative link leads to a file, and its fragment to a heading there.
#[test]
fn links_lead_somewhere() {
    for page in pages() {
        let text = read(&page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://") && !link.contains(' ')) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&page).parent().unwrap();
            let target = if path.is_empty() { page.clone().into() } else { folder.join(path) };
            assert!(root().join(&target).exists(), "{page}: {link} leads nowhere");
            if !fragment.is_empty() {
                let anchors = anchors(&read(target.to_str().unwrap()));
                assert!(anchors.iter().any(|anchor| anchor == fragment), "{page}: {link}: {path} has {anchors:?}");
            }
        }
    }
}

/// Every source file that a page names in backticks exists, but for the example of the tutorial and what a user writes.
#[test]
fn files_that_pages_name_exist() {
    for page in pages().iter().filter(|page| *page != "CHANGELOG.md") {
        for word in read(page).split('`').skip(1).step_by(2) {
            let folders = ["src/", "tests/", "shaders/", "tools/", "examples/", "specs/"];
            let named = folders.iter().any(|folder| word.starts_with(folder)) && !word.contains([' ', '<', '*']);
            if named && !word.contains("scale_rows") {
                assert!(root().join(word).exists(), "{page}: {word} does not exist");
            }
        }
    }
}

/// Anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|&c| c.is_alphanumeric() || c == ' ' || c == '-');
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

// README

#[test]
fn the_readme_is_short_and_lists_every_page() {
    let readme = read("README.md");
    let lines = readme.lines().count();
    assert!(lines <= 150, "README.md has {lines} lines, expected at most 150; move the rest to docs/");
    for page in pages().iter().filter(|page| page.starts_with("docs/")) {
        assert!(readme.contains(&format!("]({page})")), "README.md has no link to {page}");
    }
}
