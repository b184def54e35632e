//! `infra/template.yaml` against the code it deploys, and against what a deployment must have.

mod functions;
mod machine;
mod needs;
mod permissions;
mod routes;
mod tables;
mod variables;
