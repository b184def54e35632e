//! The stores that a command works on without the functions.

use tasador_runtime::{Config, Context};

use super::Global;
use crate::cloud::{Endpoints, Stores};
use crate::folder::{self, Claim, Folder};

/// Bucket and tables.
pub(super) enum Place {
    /// A folder that nobody serves: its stores are opened for as long as the command takes.
    Own(Box<Stores>),
    /// What is served anyway: by `tasador up`, or by AWS.
    Served(Box<Context>),
}

impl Place {
    /// Those of the data folder, or, if `deployed` names them in the configuration, of a deployment.
    pub(super) async fn open(
        global: &Global,
        deployed: Option<impl FnOnce(&mut Config)>,
    ) -> anyhow::Result<Self> {
        let mut config = Config::from_env()?;
        if let Some(name) = deployed {
            name(&mut config);
            let context = Context::load(config).await?;
            return Ok(Self::Served(context.into()));
        }
        let root = global.data_dir();
        match Folder::claim(&root).await? {
            Claim::Ours(folder) => Ok(Self::Own(Stores::open(folder, config).await?.into())),
            Claim::Served(server) => {
                config.token_key = Some(folder::token_key(&root)?);
                let sdk = Endpoints::of(&server).sdk_config();
                Ok(Self::Served(Context::new(config, &sdk).into()))
            }
        }
    }

    pub(super) fn context(&self) -> &Context {
        match self {
            Self::Own(stores) => stores.context(),
            Self::Served(context) => context,
        }
    }

    pub(super) async fn close(self) {
        if let Self::Own(stores) = self {
            stores.close().await;
        }
    }
}
