//! `blendfuse devices`

use crate::ui::Ui;
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args, _ui: Ui) -> Result<()> {
    anyhow::bail!("devices is not built yet")
}
