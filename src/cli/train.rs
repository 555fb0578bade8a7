//! `blendfuse train`

use crate::ui::Ui;
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args, _ui: Ui) -> Result<()> {
    anyhow::bail!("train is not built yet")
}
