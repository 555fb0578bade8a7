//! `blendfuse folds`: what it writes, prints and refuses.

use crate::workspace::Workspace;

/// Twelve clips of four speakers, two classes, one test row.
fn labels() -> Workspace {
    let work = Workspace::empty();
    let row = |i: usize| format!("clip{i},{},{}\n", ["calm", "tense"][i % 2], ["Ann", "Bo", "Cy", "Di"][i / 3]);
    let rows: String = (0..12).map(row).collect();
    work.write("all.csv", &format!("filename,label,group\n{rows}"));
    work
}

#[test]
fn a_table_of_folds_and_classes() {
    let work = labels();
    let said = work.ok("folds --labels all.csv --out two.csv --folds 2");
    let lines: Vec<Vec<&str>> = said.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["fold", "clips", "groups", "calm", "tense"]);
    assert_eq!((lines[1].clone(), lines[2].clone()), (vec!["0", "6", "2", "3", "3"], vec!["1", "6", "2", "3", "3"]));
    let rows = work.table("two.csv");
    assert_eq!(rows.len(), 12);
    for row in &rows {
        let of_group = |other: &&std::collections::BTreeMap<String, String>| other["group"] == row["group"];
        assert!(rows.iter().filter(of_group).all(|other| other["fold"] == row["fold"]), "{row:?}");
    }
    let again = work.ok("folds --labels all.csv --out again.csv --folds 2 --json").json();
    assert_eq!(work.bytes("two.csv"), work.bytes("again.csv"));
    assert_eq!(again["folds"][1]["classes"]["tense"], 3);
}

#[test]
fn nothing_is_overwritten_by_accident() {
    let work = labels();
    work.ok("folds --labels all.csv --out out.csv --folds 2");
    work.fails(
        "folds --labels all.csv --out out.csv --folds 2 --seed 1",
        &["out.csv: found an existing file", "--force"],
    );
    work.ok("folds --labels all.csv --out out.csv --folds 4 --force");
    work.fails(
        "folds --labels all.csv --out ./all.csv --folds 2 --force",
        &["--out is the same file as all.csv of --labels"],
    );
}

#[test]
fn folds_that_cannot_be_made() {
    let work = labels();
    let expected = ["all.csv: found 4 groups, expected at least 5 for 5 folds", "--folds"];
    work.fails("folds --labels all.csv --out out.csv", &expected);
    work.write("few.csv", "filename,label\na,x\nb,y\nc,test\n");
    work.fails("folds --labels few.csv --out out.csv", &["found 3 clips, expected at least 5"]);
    work.write("none.csv", "filename,x,y\na,,\nb,,\n");
    work.fails("folds --labels none.csv --out out.csv", &["none.csv: found no labelled clip outside the test rows"]);
    work.fails("folds --labels nowhere.csv --out out.csv", &["nowhere.csv: cannot be read"]);
    let said = work.ok("folds --labels all.csv --out four.csv --folds 4 --seed 2");
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    work.write("split.csv", "filename,label,group,fold\na,x,Ann,\nb,x,Bo,\nc,x,Ann,test\nd,x,Cy,\n");
    let said = work.ok("folds --labels split.csv --out split2.csv --folds 2");
    let expected = "warning: groups with both test rows and rows with a fold: Ann;";
    assert!(said.stderr.contains(expected) && said.stdout.contains("1 test rows"), "{}{}", said.stderr, said.stdout);
    // A class with fewer groups than folds cannot be in all of them.
    work.write("rare.csv", "filename,label\na,x\nb,x\nc,x\nd,rare\n");
    let said = work.ok("folds --labels rare.csv --out rare2.csv --folds 3");
    assert!(said.stderr.contains("warning: rare: 2 of 3 folds have no clip"), "{}", said.stderr);
}

#[test]
fn blemores_metadata_gets_other_folds() {
    let work = Workspace::with_pool();
    let said = work.ok("folds --labels pool/train_metadata.csv --out three.csv --folds 3");
    assert!(said.stdout.contains("actors"), "{}", said.stdout);
    let before = work.table("pool/train_metadata.csv");
    for (old, new) in before.iter().zip(work.table("three.csv")) {
        assert!(old.iter().all(|(column, cell)| column == "fold" || new[column] == *cell), "{old:?} {new:?}");
    }
    let text = work.ok("inspect pool --labels three.csv").stdout;
    assert!(text.contains("labels: BlEmoRE's metadata") && text.contains("clips per fold: 0: "), "{text}");
    assert!(!text.contains("in more than one fold"), "{text}");
}
