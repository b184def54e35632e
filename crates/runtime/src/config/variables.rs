//! The list of all variables: what the README's table and the template's tests are held against.

/// A variable of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its default as it would be written; none where there is nothing to fall back to.
    pub default: Option<&'static str>,
    /// What it means, with its unit.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default: Some(default),
        meaning,
    }
}

const fn unset(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default: None,
        meaning,
    }
}

/// Every variable that the functions read, beside those of the AWS SDK.
pub const VARIABLES: &[Variable] = &[
    unset(
        "TASADOR_SOURCE",
        "Where batches come from: `http(s)://` (a data API), `s3://bucket/key`, or, where TASADOR_SOURCE_FILES allows it, \
         a file. Without it only stored batches can be processed.",
    ),
    variable(
        "TASADOR_SOURCE_FILES",
        "false",
        "Whether TASADOR_SOURCE may be a file of this machine.",
    ),
    variable(
        "TASADOR_SOURCE_CONNECT_TIMEOUT_MS",
        "5000",
        "How long the source may take to accept a connection, in milliseconds.",
    ),
    variable(
        "TASADOR_SOURCE_READ_TIMEOUT_MS",
        "60000",
        "How long the source may be silent before and within its answer, in milliseconds.",
    ),
    variable(
        "TASADOR_SOURCE_TOTAL_TIMEOUT_MS",
        "600000",
        "How long the source's whole answer may take, in milliseconds.",
    ),
    variable(
        "TASADOR_SOURCE_MAX_BYTES",
        "2147483648",
        "The largest batch that is taken, in bytes.",
    ),
    variable(
        "TASADOR_MAX_RUNS",
        "1",
        "How many runs work on a batch at a time. The others wait in the state WaitForTurn, with their batches stored.",
    ),
    unset(
        "TASADOR_STATE_MACHINE_ARN",
        "The state machine whose executions `POST /runs` starts and `GET /runs` lists. Without it both answer 503.",
    ),
    unset(
        "TASADOR_SPOOL_DIR",
        "Folder in which a batch lies until it is stored; what a killed process leaves there is stored by the next one. \
         Without it a temporary folder is used, which ends with the process.",
    ),
    variable("TASADOR_BUCKET", "tasador", "The bucket."),
    variable(
        "TASADOR_REGISTRY_TABLE",
        "tasador-registry",
        "Table of batches, outcomes, models, promotions and runs.",
    ),
    variable(
        "TASADOR_ROWS_TABLE",
        "tasador-rows",
        "Table of the rows seen, for duplicates across batches.",
    ),
    variable(
        "TASADOR_INFERENCES_TABLE",
        "tasador-inferences",
        "Table of answered requests.",
    ),
    variable(
        "TASADOR_TOKENS_TABLE",
        "tasador-tokens",
        "Table of bearer tokens, hashed.",
    ),
    unset(
        "TASADOR_TOKEN_KEY",
        "Secret under which tokens are hashed, 32 characters or more; on AWS out of Secrets Manager. `authorize`, `web` and \
         `tasador token --table` need it; on a data folder `tasador` uses the file `token.key` there.",
    ),
    variable(
        "TASADOR_REQUIRE_TOKENS",
        "true",
        "Whether the page asks for a token and the description of the API says that one is wanted. On AWS the authorizer asks \
         for it in any case; `tasador` goes by its options instead.",
    ),
    variable(
        "TASADOR_S3_PATH_STYLE",
        "false",
        "Whether the bucket's name stands in the path of S3's address. Always so where an endpoint is set.",
    ),
    variable(
        "TASADOR_MODEL",
        "BestHousePriceModel",
        "The registered model.",
    ),
    variable(
        "TASADOR_SEED",
        "42",
        "Seed of training and comparing, a whole number.",
    ),
    variable(
        "TASADOR_CANDIDATES",
        "linear,ridge,forest,boosting,blend",
        "Algorithms that are trained, parted by commas.",
    ),
    unset(
        "TASADOR_TRAIN_JOB_FROM_ROWS",
        "From how many rows of a dataset on a candidate is trained by a job of AWS Batch rather than in a function. \
         Without it, functions train everything.",
    ),
    variable(
        "TASADOR_GATE_MIN_ROWS",
        "50",
        "Fewest clean rows of a batch that is trained on.",
    ),
    variable(
        "TASADOR_GATE_MIN_DISTINCT_PRICES",
        "5",
        "Fewest different prices of a batch that is trained on.",
    ),
    variable(
        "TASADOR_GATE_MAX_NULL_SHARE",
        "0.6",
        "Largest share of missing values in a batch, over the columns a listing has, from 0 to 1.",
    ),
    variable(
        "TASADOR_GATE_MAX_REJECT_SHARE",
        "0.5",
        "Largest share of rejected rows in a batch, from 0 to 1.",
    ),
    variable(
        "TASADOR_GATE_VOLUME_GROWTH_SHARE",
        "0.2",
        "New clean rows, as a share of those the champion learnt from, that are reason enough to train.",
    ),
    variable(
        "TASADOR_GATE_PSI_LIMIT",
        "0.2",
        "Population stability index of a column, against the champion's data, from which on it has drifted.",
    ),
    variable(
        "TASADOR_GATE_PSI_MIN_ROWS",
        "500",
        "Fewest clean rows of a batch in which drift is looked for.",
    ),
    variable(
        "TASADOR_GATE_NEW_CATEGORY_SHARE",
        "0.1",
        "Share of rows with a category unknown to the champion, from 0 to 1, that is reason enough to train.",
    ),
    variable(
        "TASADOR_GATE_ERROR_GROWTH_SHARE",
        "0.15",
        "How much worse the champion's error is on the batch than out of fold, as a share, to be reason enough to train.",
    ),
    variable(
        "TASADOR_COMPARE_MIN_MAE_GAIN_SHARE",
        "0.03",
        "Share by which the mean absolute error must fall, from 0 to 1.",
    ),
    variable(
        "TASADOR_COMPARE_MAX_RMSE_LOSS_SHARE",
        "0.01",
        "Share by which the root mean squared error may rise, from 0 to 1.",
    ),
    variable(
        "TASADOR_COMPARE_CONFIDENCE",
        "0.95",
        "Share of the bootstrap's samples in which the challenger must be better, from 0 to 1.",
    ),
    variable(
        "TASADOR_COMPARE_SAMPLES",
        "1000",
        "Samples of the bootstrap.",
    ),
    variable(
        "TASADOR_COMPARE_MIN_ROWS",
        "30",
        "Fewest rows that a verdict rests on.",
    ),
    unset(
        "TASADOR_COMPARE_RMSE_MARGIN_USD",
        "Where set, US dollars by which the root mean squared error must fall as well.",
    ),
    variable(
        "TASADOR_CHAMPION_REFRESH_MS",
        "3000",
        "How old what `predict` knows about the champion may be, in milliseconds.",
    ),
    variable(
        "TASADOR_PREDICT_MAX_INSTANCES",
        "1000",
        "The most listings of one request to `predict`.",
    ),
    variable(
        "TASADOR_INFERENCE_LOG",
        "true",
        "Whether each answer of `predict` is written to the table of inferences before it goes out. Off, no answer can be \
         traced: for measurements.",
    ),
    variable(
        "TASADOR_INFERENCE_RETENTION_DAYS",
        "30",
        "How long the table of inferences keeps entries that are in a file of the bucket, in days.",
    ),
    variable(
        "TASADOR_METRICS_FLUSH_MS",
        "10000",
        "How long what `predict` counts may be in memory only while requests come, in milliseconds.",
    ),
    unset(
        "TASADOR_LOG",
        "What is logged, such as `info` or `fetch=debug`; RUST_LOG is read where it is not set.",
    ),
];
