//! Configuration: layers, errors that help, and ranges.

use blendfuse::config::{Attention, Config, Optimizer, TemperatureMode, Threshold, TopN};
use std::path::Path;

/// Loads `toml` as a file F.toml with `--set` flags; an error is told with its causes.
fn load(toml: &str, flags: &[&str]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("F.toml");
    std::fs::write(&path, toml).unwrap();
    let flags: Vec<String> = flags.iter().map(|flag| flag.to_string()).collect();
    let shorten = |error: anyhow::Error| format!("{error:#}").replace(&path.display().to_string(), "F.toml");
    Config::load(Some(&path), &flags).map_err(shorten)
}

fn error(toml: &str, flags: &[&str]) -> String {
    load(toml, flags).expect_err(&format!("{toml:?} {flags:?} should be refused"))
}

// Layers

#[test]
fn nothing_given_is_the_default() {
    assert_eq!(Config::load(None, &[]).unwrap(), Config::default());
    assert_eq!(load("", &[]).unwrap(), Config::default());
}

#[test]
fn flags_win_over_the_file_and_later_flags_over_earlier_ones() {
    let file = "[train]\nlr = 0.1\nbatch = 8\n[model.temperature]\nmode = \"fixed\"";
    let config = load(file, &["train.lr=0.2", "train.lr=0.3"]).unwrap();
    assert_eq!((config.train.lr, config.train.batch), (0.3, 8));
    assert_eq!(config.model.temperature.mode, TemperatureMode::Fixed);
    assert_eq!(config.model.temperature.max, 1.25, "keys beside a given one keep their defaults");
}

#[test]
fn flags_take_toml_values_and_bare_words() {
    let flags = [
        "model.top_n=8",
        "model.attention=uniform",
        "train.optimizer=\"adamw\"",
        "train.shuffle = false",
        "train.lr=1",
        "decode.alpha=0.25",
        "decode.beta=search",
        "train.plateau={factor=0.25, patience=5}",
    ];
    let config = load("", &flags).unwrap();
    assert_eq!(config.model.top_n, TopN::Count(8));
    assert_eq!(config.model.attention, Attention::Uniform);
    assert_eq!(config.train.optimizer, Optimizer::AdamW);
    assert!(!config.train.shuffle);
    assert_eq!(config.train.lr, 1.0, "a whole number is a number");
    assert_eq!((config.decode.alpha, config.decode.beta), (Threshold::Fixed(0.25), Threshold::Search));
    assert_eq!((config.train.plateau.factor, config.train.plateau.patience), (0.25, 5));
}

#[test]
fn written_configuration_reads_back_equal() {
    let mut config = Config::default();
    assert_eq!(load(&config.to_toml(), &[]).unwrap(), config);
    config = load("", &["model.top_n=3", "decode.alpha=0.55", "train.seed=9223372036854775807"]).unwrap();
    // f32 is written in its shortest form and read through f64.
    for step in 0..300 {
        config.model.dropout = step as f32 / 307.0;
        config.train.lr = 1e-9 * 1.06f32.powi(step);
        assert_eq!(load(&config.to_toml(), &[]).unwrap(), config);
    }
}

#[test]
fn written_configuration_holds_every_key() {
    let text = Config::default().to_toml();
    let table: toml::Table = text.parse().unwrap();
    for key in Config::keys() {
        let found =
            key.split('.').try_fold(&toml::Value::Table(table.clone()), |value, name| value.get(name)).is_some();
        assert!(found, "{key} is missing from\n{text}");
    }
    assert!(text.contains("dropout = 0.33\n"), "short numbers stay short:\n{text}");
}

// Errors

#[test]
fn unknown_keys_name_the_nearest_right_key() {
    for (toml, key, meant) in [
        ("[train]\nlearning_rate = 1", "train.learning_rate", "train.lr"),
        ("[train]\nbatch_size = 1", "train.batch_size", "train.batch"),
        ("[train]\nepochs = 1", "train.epochs", "train.max_epochs"),
        ("[train]\nweigth_decay = 1", "train.weigth_decay", "train.weight_decay"),
        ("[train.plateau]\nfacter = 1", "train.plateau.facter", "train.plateau.factor"),
        ("[training]\nlr = 1", "training", "train"),
        ("[model]\ntopn = 1", "model.topn", "model.top_n"),
        ("[model.temprature]\nmin = 1", "model.temprature", "model.temperature"),
        ("[model.temperature]\ninit = 1", "model.temperature.init", "model.temperature.initial"),
        ("[model]\nlr = 1", "model.lr", "train.lr"),
        ("lr = 1", "lr", "train.lr"),
        ("seed = 1", "seed", "train.seed"),
    ] {
        assert_eq!(error(toml, &[]), format!("unknown key `{key}` in F.toml; did you mean `{meant}`?"));
    }
    assert_eq!(
        error("", &["decode.gama=1"]),
        "unknown key `decode.gama` in --set decode.gama=1; did you mean `decode.gamma`?"
    );
}

#[test]
fn wrong_types_and_words_say_what_is_allowed() {
    for (toml, message) in [
        ("[train]\nlr = \"fast\"", "F.toml: `train.lr`: found \"fast\", expected a number"),
        ("[train]\nbatch = -1", "F.toml: `train.batch`: found -1, expected a whole number, 0 or more"),
        ("[train]\nbatch = 1.5", "F.toml: `train.batch`: found 1.5, expected a whole number, 0 or more"),
        (
            "[train]\npatience = 5000000000",
            "F.toml: `train.patience`: found 5000000000, expected a whole number up to 4294967295",
        ),
        ("[train]\nshuffle = 1", "F.toml: `train.shuffle`: found 1, expected true or false"),
        ("[train]\noptimizer = \"sgd\"", "F.toml: `train.optimizer`: found \"sgd\", expected `adam` or `adamw`"),
        ("[train]\noptimizer = 3", "F.toml: `train.optimizer`: found 3, expected `adam` or `adamw`"),
        (
            "[model]\ntop_n = 0",
            "F.toml: `model.top_n`: found 0, expected \"auto\" or a whole number from 1 to K, the number of encoders",
        ),
        ("[decode]\nalpha = true", "F.toml: `decode.alpha`: found true, expected \"search\" or a number from 0 to 1"),
        (
            "[model]\ntemperature = 0.7",
            "F.toml: `model.temperature`: found 0.7, expected a section; set one of `model.temperature.initial`, \
             `model.temperature.max`, `model.temperature.min`, `model.temperature.mode`",
        ),
    ] {
        assert_eq!(error(toml, &[]), message);
    }
    assert_eq!(
        error("", &["loss.presence_loss=focal"]),
        "--set loss.presence_loss=focal: `loss.presence_loss`: found \"focal\", expected `soft_ce` or `bce`"
    );
    assert_eq!(
        error("", &["train.lr=1\ntrain.batch=7"]),
        "--set train.lr=1\ntrain.batch=7: `train.lr`: found \"\"\"\n1\ntrain.batch=7\"\"\", expected a number"
    );
}

#[test]
fn words_without_brackets_are_no_list() {
    let list = r#"a list such as ["clip", "hicmae"]; in a shell, write 'data.encoders=["clip", "hicmae"]'"#;
    for words in ["clip,hicmae", "[clip, hicmae]"] {
        let found = error("", &[&format!("data.encoders={words}")]);
        assert_eq!(found, format!("--set data.encoders={words}: `data.encoders`: found \"{words}\", expected {list}"));
    }
    let found = error("[data]\nencoders = \"clip\"", &[]);
    assert!(
        found.starts_with(r#"F.toml: `data.encoders`: found "clip", expected a list such as ["clip"]; in"#),
        "{found}"
    );
}

#[test]
fn unreadable_files_and_flags_are_told_apart() {
    let missing = Config::load(Some(Path::new("no/such/F.toml")), &[]).unwrap_err();
    assert!(format!("{missing}").starts_with("no/such/F.toml: the configuration cannot be read"), "{missing}");
    assert!(error("[train]\nlr = = 1", &[]).starts_with("F.toml: line 2 is not valid TOML: "));
    assert!(error("[train]\nlr = 1\nlr = 2", &[]).starts_with("F.toml: line 3 is not valid TOML: "));
    assert_eq!(
        error("", &["train.lr"]),
        "--set train.lr: found no `=`, expected key=value such as --set train.lr=0.001"
    );
}

#[test]
fn values_out_of_range_name_their_source_key_and_range() {
    assert_eq!(error("[train]\nlr = -0.1", &[]), "F.toml: `train.lr`: found -0.1, expected a finite number above 0");
    for flag in [
        "model.projection=0",
        "model.gate_hidden=0",
        "model.fused=70000",
        "model.head_hidden=0",
        "model.dropout=1",
        "model.dropout=-0.1",
        "model.dropout=nan",
        "model.encoder_dropout=1",
        "model.temperature.initial=0",
        "model.temperature.initial=2",
        "model.temperature.min=-1",
        "model.temperature.min=1.3",
        "model.temperature.max=inf",
        "loss.presence=-1",
        "loss.salience=nan",
        "adaptation.weight=-1",
        "adaptation.reversal=inf",
        "train.lr=0",
        "train.lr=1e300",
        "train.lr=nan",
        "train.weight_decay=-1",
        "train.batch=1",
        "train.max_epochs=0",
        "train.patience=0",
        "train.min_delta=-1",
        "train.plateau.factor=0",
        "train.plateau.factor=1",
        "train.plateau.threshold=2",
        "train.plateau.min_lr=-1",
        "decode.gamma=-1",
        "decode.epsilon=0",
        "decode.alpha=1.5",
        "decode.beta=-0.5",
    ] {
        let (key, found) = flag.split_once('=').unwrap();
        let message = error("", &[flag]);
        assert!(message.starts_with(&format!("--set {flag}: `{key}`: found ")), "{message}");
        assert!(message.contains(", expected ") && !found.is_empty(), "{message}");
    }
    let no_loss = error("", &["loss.presence=0", "loss.salience=0"]);
    assert!(
        no_loss.ends_with("`loss.presence`: found 0, expected above 0, because loss.salience is 0 too"),
        "{no_loss}"
    );
}

#[test]
fn ranges_end_where_they_should() {
    for flag in [
        "model.dropout=0",
        "model.projection=1",
        "train.batch=2",
        "train.max_steps=0",
        "train.plateau.patience=0",
        "train.weight_decay=0",
        "adaptation.weight=0",
        "decode.alpha=0",
        "decode.beta=1.0",
        "decode.gamma=0",
        "model.temperature.initial=0.55",
        "model.temperature.initial=1.25",
    ] {
        load("", &[flag]).unwrap();
    }
    // A fixed temperature is free of the bounds that only a moving one needs.
    load("", &["model.temperature={mode=\"fixed\", initial=2.0}"]).unwrap();
}

#[test]
fn values_that_only_code_can_make_are_refused_too() {
    let mut config = Config::default();
    config.model.top_n = TopN::Count(0);
    assert_eq!(config.validate().unwrap_err().key, "model.top_n");
    config = Config::default();
    config.train.seed = u64::MAX;
    assert_eq!(config.validate().unwrap_err().key, "train.seed");
}

// Encoders kept per row

#[test]
fn top_n_follows_the_size_of_the_pool() {
    for (encoders, kept) in [(1, 1), (2, 1), (3, 2), (8, 5), (18, 11), (36, 22), (256, 156)] {
        assert_eq!(TopN::Auto.resolve(encoders).unwrap(), kept, "K = {encoders}");
    }
    assert_eq!(TopN::Count(8).resolve(8).unwrap(), 8);
    let message = TopN::Count(9).resolve(8).unwrap_err().to_string();
    assert!(message.contains("n = 9") && message.contains("K = 8"), "{message}");
}
