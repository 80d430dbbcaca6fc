//! Between the configuration, which knows no documents' versions, and the switch, which knows no files.

use std::sync::Arc;

use anyhow::anyhow;
use hotline_core::directory::Directory;

use crate::config::{self, Config};
use crate::store::Store;
use crate::store::seal::Seal;
use crate::switch::documents::{self, Clear, Compose, Composed, Fault, Thing};

/// Puts this file, environment and demo together with documents.
pub fn compose(config: &Config) -> Compose {
    let composer = config.composer.clone();
    Compose(Arc::new(move |documents: &[Clear]| {
        let documents: Vec<config::Document> = documents
            .iter()
            .map(|one| config::Document { kind: one.kind.clone(), id: one.id.clone(), body: one.body.clone() })
            .collect();
        composer.compose(&documents).map(composed).map_err(|mistakes| mistakes.into_iter().map(fault).collect())
    }))
}

fn composed(config: Config) -> Composed {
    let things = config.things.into_iter().map(|(kind, of_kind)| {
        let of_kind = of_kind.into_iter().map(|(id, one)| (id, Thing { body: one.body, in_file: one.in_file }));
        (kind, of_kind.collect())
    });
    Composed { things: things.collect(), directory: config.directory, sip: config.sip, warnings: config.warnings }
}

fn fault(mistake: config::Mistake) -> Fault {
    Fault { document: mistake.document, field: mistake.field, place: mistake.place, what: mistake.what }
}

/// The file's directory with what was written through the API: for commands beside a running service.
pub async fn whole_directory(config: &Config, store: &Store) -> anyhow::Result<Directory> {
    let seal = Seal::at(&config.store.data_dir, config.secret_key.as_ref())?;
    let loaded = documents::load(store, &seal, &compose(config)).await.map_err(told)?;
    Ok(loaded.composed.directory)
}

/// The faults as one error for whoever started the program.
pub fn told(faults: Vec<Fault>) -> anyhow::Error {
    let lines: Vec<String> = faults.into_iter().map(|fault| format!("{}: {}", fault.place, fault.what)).collect();
    anyhow!("{}", lines.join("\n"))
}
