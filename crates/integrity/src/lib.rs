//! What must hold in bucket and registry: [`verify`] checks all of it and changes nothing, [`rebuild`]
//! puts back what one of the two still knows. Both work through the clients of a [`Context`], so they
//! are the same for a data folder and for a deployment.
//!
//! [`Context`]: tasador_runtime::Context

mod bucket;
mod entries;
mod finding;
mod rebuild;

pub use finding::{Finding, Remedy, Report};
pub use rebuild::{Incomplete, Rebuilt, finish, incomplete, rebuild, received};

use tasador_archive::Copies;
use tasador_lake::LakeError;
use tasador_registry::RegistryError;
use tasador_runtime::Context;

/// Why nothing can be said: a store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum IntegrityError {
    #[error("the bucket could not be read or written")]
    Lake(#[from] LakeError),
    #[error("the registry could not be read or written")]
    Registry(#[from] RegistryError),
    #[error("a copy of the registry could not be written")]
    Archive(#[from] tasador_archive::ArchiveError),
    #[error("the artifact of a version could not be read")]
    Champion(#[from] tasador_champion::StoreError),
}

/// Checks every object of the bucket and every entry of the registry. Reads the whole bucket.
///
/// # Errors
/// [`IntegrityError`] if a store did not answer; what does not hold is in the report.
pub async fn verify(ctx: &Context) -> Result<Report, IntegrityError> {
    let copies = Copies::read(&ctx.lake).await?;
    let mut report = Report::default();
    if let Some(incomplete) = Box::pin(incomplete(ctx)).await? {
        report.find("registry", incomplete.to_string(), Remedy::Rebuild);
    }
    let objects = Box::pin(bucket::check(ctx, &copies, &mut report)).await?;
    Box::pin(entries::check(ctx, &copies, &objects, &mut report)).await?;
    report
        .findings
        .sort_by(|a, b| (&a.subject, &a.fault).cmp(&(&b.subject, &b.fault)));
    report.findings.dedup();
    Ok(report)
}
