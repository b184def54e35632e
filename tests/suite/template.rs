//! `infra/template.yaml` against the code it deploys, and against what a deployment must have.

mod functions;
mod integrations;
mod machine;
mod needs;
mod permissions;
mod quotas;
mod routes;
mod tables;
mod variables;
