//! `wardline export`: a chain's verified blocks in a file (`docs/format/export.md`), written whole or not at all.

use super::{
    NOT_WHOLE, Result,
    access::Access,
    output,
    verify::{Figure, fault_document, fault_text, not_heard},
};
use clap::Args;
use serde_json::json;
use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::sync::mpsc::unbounded_channel;
use wardline_client::{ExportRequest, Exported};
use wardline_ledger::Chain;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    access: Access,
    /// main, or side (auditors only)
    #[arg(long, value_parser = chain, value_name = "CHAIN")]
    chain: Chain,
    /// The new file; an existing one is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// First block whose body is wanted; the headers before it come too, since they prove it
    #[arg(long, default_value_t = 0, value_name = "HEIGHT")]
    from: u64,
    /// Last block (else the newest)
    #[arg(long, value_name = "HEIGHT")]
    to: Option<u64>,
    /// Take blocks from this branch only
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn chain(text: &str) -> std::result::Result<Chain, String> {
    let named = |chain: &Chain| chain.name() == text;
    Chain::ALL.into_iter().find(named).ok_or_else(|| "there are two chains: main and side".to_owned())
}

pub fn run(options: Options) -> Result<ExitCode> {
    let draft = Draft::new(&options.out)?;
    let genesis = options.access.genesis()?;
    let group = options.access.open()?;
    let (chain, from) = (options.chain, options.from);
    let request = ExportRequest { chain, from, to: options.to, branch: options.branch };
    let out = BufWriter::new(draft.file.try_clone()?);
    let (progress, heard) = unbounded_channel();
    let done = super::runtime()?.block_on(async {
        tokio::join!(group.export(&genesis, &request, out, progress), Figure::new().follow(heard)).0
    })?;
    draft.keep()?;
    let Exported { to, blocks, sha256, sources, faults, unheard } = done;
    if options.json {
        output::json(&json!({
            "file": options.out,
            "chain": chain.name(),
            "from": from,
            "to": to,
            "blocks": blocks,
            "sha256": sha256.to_string(),
            "sources": sources,
            "faults": faults.iter().map(fault_document).collect::<Vec<_>>(),
            "not_heard": unheard.iter().map(|one| json!({"branch": one.branch, "why": one.why})).collect::<Vec<_>>(),
        }))?;
    } else {
        output::text(&format!(
            "{chain} chain, bodies of blocks {from} to {to}, {blocks} headers, from {}: {}",
            sources.join(", "),
            options.out.display()
        ))?;
        output::text("checked: headers, links, certificates, bodies; `wardline verify --export` replays it")?;
        for fault in &faults {
            output::text(&format!("WRONG, and not in the file: {}", fault_text(fault)))?;
        }
        unheard.iter().try_for_each(not_heard)?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { NOT_WHOLE.into() })
}

/// A file beside the one to be, its owner's alone, and gone unless it is kept.
struct Draft {
    file: File,
    path: PathBuf,
    to: PathBuf,
    kept: bool,
}

impl Draft {
    fn new(to: &Path) -> Result<Self> {
        refuse_existing(to)?;
        let name = to.file_name().ok_or_else(|| format!("{} is no file name", to.display()))?;
        let path = to.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file =
            options.open(&path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Self { file, path, to: to.to_path_buf(), kept: false })
    }

    fn keep(mut self) -> Result<()> {
        self.file.sync_all()?;
        refuse_existing(&self.to)?;
        fs::rename(&self.path, &self.to)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn refuse_existing(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(format!("{} exists already; choose another name", path.display()).into());
    }
    Ok(())
}
