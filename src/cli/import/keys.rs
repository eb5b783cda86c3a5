//! The keys of an import: every branch's import key signs what is kept at that branch, and one secret names the records.

use crate::cli::{
    Result, access,
    private::{self, folder_name},
};
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};
use wardline_client::{Clock as _, Group, Settings, SystemClock};
use wardline_crypto::{ImportKey, OsEntropy, Secret, SecretBytes};
use wardline_ledger::Genesis;

/// The folder `staff` beside console.toml.
pub fn beside(config: Option<&Path>) -> Result<PathBuf> {
    let folder = config.and_then(Path::parent).map(|folder| folder.join("staff"));
    folder
        .filter(|folder| folder.is_dir())
        .ok_or_else(|| "no import keys given: pass --keys DIR, the folder with import-<branch>.key".into())
}

/// A signed-in group for every trusted branch, by its import key.
pub fn open(
    settings: &Settings,
    genesis: &Genesis,
    folder: &Path,
    passphrase_file: Option<&Path>,
) -> Result<BTreeMap<u16, Group>> {
    let clock = Arc::new(SystemClock);
    let length_s = wardline_client::session_length_s(settings, genesis)?;
    let mut asked: Option<SecretBytes> = None;
    let mut groups = BTreeMap::new();
    for branch in genesis.participants.iter().filter(|branch| branch.active && branch.trusted) {
        let name = format!("import-{}", folder_name(&branch.name));
        let file = folder.join(format!("{name}.key"));
        let text = access::read(&file)?;
        let public = wardline_client::read_staff_file(&text)
            .map_err(|error| format!("{} is not a staff key file: {error}", file.display()))?;
        if public.branch != branch.id {
            return Err(format!("{} is a key of another branch than {}", file.display(), branch.name).into());
        }
        let own = folder.join(format!("{name}.passphrase"));
        let session = match passphrase_file {
            None if own.exists() => unlock(&text, &access::passphrase(Some(&own))?, &clock, length_s),
            given => {
                let passphrase = match asked.take() {
                    Some(passphrase) => passphrase,
                    None => access::passphrase(given)?,
                };
                let session = unlock(&text, &passphrase, &clock, length_s);
                asked = Some(passphrase);
                session
            }
        }
        .map_err(|error| format!("{}: {error}", file.display()))?;
        let own = |folder: &Path| folder.join("import").join(folder_name(&branch.name));
        let own_state = Settings {
            state: own(&settings.state),
            memory: settings.memory.as_deref().map(own),
            ..settings.clone()
        };
        groups.insert(branch.id.0, Group::open(own_state, genesis.clone(), session, clock.clone())?);
    }
    Ok(groups)
}

fn unlock(
    text: &str,
    passphrase: &SecretBytes,
    clock: &SystemClock,
    length_s: u32,
) -> Result<wardline_client::Session> {
    Ok(wardline_client::unlock(text, passphrase, clock.now_s(), length_s, &mut OsEntropy)?)
}

/// The secret that names imported records, made at the first import. A lost one costs nothing but this: what was under
/// way when a run was broken off is begun anew.
pub fn import_key(state: &Path) -> Result<ImportKey> {
    let folder = state.join("import");
    private::private_folder(&folder)?;
    let path = folder.join("ids.key");
    if !path.exists() {
        private::write_private(&path, ImportKey::generate(&mut OsEntropy).bytes())?;
    }
    let bytes = std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| {
        format!("{} is damaged: move it away, and the next run makes a new one", path.display())
    })?;
    Ok(ImportKey::from_bytes(Secret::new(bytes)))
}

/// Holds off other imports from this place: two at once would each find a new patient new, and enrol both.
pub fn alone(state: &Path) -> Result<File> {
    let folder = state.join("import");
    private::private_folder(&folder)?;
    let path = folder.join("running");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err("another import of this group is running here: wait until it is through".into()),
    }
}
