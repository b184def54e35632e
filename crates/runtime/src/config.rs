//! Settings, read once from the environment.
//!
//! Every variable is listed in [`VARIABLES`] with its default and its meaning, and lands in one field
//! of [`Config`]. A value that can't be used is refused at the start, with a sentence; a variable
//! that is set to nothing counts as not set.

mod read;
mod variables;

use std::path::PathBuf;
use std::time::Duration;

use tasador_access::HashKey;
use tasador_ids::ModelName;

use read::Reader;
pub use read::{BadVariable, ConfigError};
pub use variables::{VARIABLES, Variable};

/// The settings of all functions.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `TASADOR_BUCKET`: the bucket.
    pub bucket: String,
    /// `TASADOR_REGISTRY_TABLE`: the table of batches, outcomes, models, promotions and runs.
    pub registry_table: String,
    /// `TASADOR_ROWS_TABLE`: the table of rows seen.
    pub rows_table: String,
    /// `TASADOR_INFERENCES_TABLE`: the table of answered requests.
    pub inferences_table: String,
    /// `TASADOR_TOKENS_TABLE`: the table of bearer tokens.
    pub tokens_table: String,
    /// `TASADOR_TOKEN_KEY`: the key under which tokens are hashed.
    pub token_key: Option<HashKey>,
    /// `TASADOR_REQUIRE_TOKENS`: whether callers need a token.
    pub require_tokens: bool,
    /// `TASADOR_S3_PATH_STYLE`: whether the bucket's name stands in the path of S3's address.
    pub s3_path_style: bool,
    /// `TASADOR_MODEL`: the registered model.
    pub model: ModelName,
    /// `TASADOR_SEED`: the seed of training and comparing.
    pub seed: u64,
    /// `TASADOR_CANDIDATES`: the algorithms that are trained, by name.
    pub candidates: Vec<String>,
    /// `TASADOR_TRAIN_JOB_FROM_ROWS`: from how many rows of a dataset on training is a job of AWS Batch.
    pub train_job_from_rows: Option<u64>,
    /// `TASADOR_MAX_RUNS`: how many runs work at a time.
    pub max_runs: u32,
    /// `TASADOR_SOURCE`: where batches come from.
    pub source: Option<String>,
    /// `TASADOR_STATE_MACHINE_ARN`: the state machine that `POST /runs` starts.
    pub state_machine: Option<String>,
    /// `TASADOR_SPOOL_DIR`: where batches lie until they are stored.
    pub spool_folder: Option<PathBuf>,
    /// `TASADOR_SOURCE_*`: how the source is asked.
    pub fetch: FetchLimits,
    /// `TASADOR_GATE_*`: when a batch is worth training on.
    pub gate: GateLimits,
    /// `TASADOR_COMPARE_*`: when a challenger is better.
    pub compare: CompareLimits,
    /// `TASADOR_INFERENCE_RETENTION_DAYS`: how the inference log is compacted.
    pub compact: CompactLimits,
    /// `TASADOR_CHAMPION_REFRESH_MS`, `TASADOR_PREDICT_MAX_INSTANCES`, `TASADOR_INFERENCE_LOG`,
    /// `TASADOR_METRICS_FLUSH_MS`: how prices are served.
    pub predict: PredictLimits,
}

/// How the source is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchLimits {
    /// `TASADOR_SOURCE_FILES`: whether the source may be a file of this machine.
    pub files_allowed: bool,
    /// `TASADOR_SOURCE_CONNECT_TIMEOUT_MS`.
    pub connect_timeout: Duration,
    /// `TASADOR_SOURCE_READ_TIMEOUT_MS`: between two pieces of the answer, and before the first.
    pub read_timeout: Duration,
    /// `TASADOR_SOURCE_TOTAL_TIMEOUT_MS`: for the whole answer.
    pub total_timeout: Duration,
    /// `TASADOR_SOURCE_MAX_BYTES`: the largest batch taken.
    pub max_bytes: u64,
}

/// When a batch is worth training on. Shares are between 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub struct GateLimits {
    /// `TASADOR_GATE_MIN_ROWS`: the fewest clean rows.
    pub min_rows: u64,
    /// `TASADOR_GATE_MIN_DISTINCT_PRICES`: the fewest different prices.
    pub min_distinct_prices: u64,
    /// `TASADOR_GATE_MAX_NULL_SHARE`: the largest share of missing values.
    pub max_null_share: f64,
    /// `TASADOR_GATE_MAX_REJECT_SHARE`: the largest share of rejected rows.
    pub max_reject_share: f64,
    /// `TASADOR_GATE_VOLUME_GROWTH_SHARE`: new rows for each row the champion learnt from.
    pub volume_growth_share: f64,
    /// `TASADOR_GATE_PSI_LIMIT`: the population stability index from which on a column has drifted.
    pub psi_limit: f64,
    /// `TASADOR_GATE_PSI_MIN_ROWS`: the fewest rows from which drift is judged.
    pub psi_min_rows: u64,
    /// `TASADOR_GATE_NEW_CATEGORY_SHARE`: rows with a category the champion never saw.
    pub new_category_share: f64,
    /// `TASADOR_GATE_ERROR_GROWTH_SHARE`: how much worse the champion is on the batch.
    pub error_growth_share: f64,
}

/// When a challenger is better. Shares are between 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareLimits {
    /// `TASADOR_COMPARE_MIN_MAE_GAIN_SHARE`: by how much the mean absolute error must fall.
    pub min_mae_gain_share: f64,
    /// `TASADOR_COMPARE_MAX_RMSE_LOSS_SHARE`: by how much the root mean squared error may rise.
    pub max_rmse_loss_share: f64,
    /// `TASADOR_COMPARE_CONFIDENCE`: how sure the gain must be.
    pub confidence: f64,
    /// `TASADOR_COMPARE_SAMPLES`: samples of the bootstrap.
    pub samples: u32,
    /// `TASADOR_COMPARE_MIN_ROWS`: the fewest rows that a verdict rests on.
    pub min_rows: u32,
    /// `TASADOR_COMPARE_RMSE_MARGIN_USD`: by how many US dollars the root mean squared error must
    /// fall as well.
    pub rmse_margin_usd: Option<f64>,
}

/// How the inference log is compacted.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactLimits {
    /// `TASADOR_INFERENCE_RETENTION_DAYS`: how long the table keeps entries that are in a file.
    pub retention: Duration,
}

/// How prices are served.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictLimits {
    /// `TASADOR_CHAMPION_REFRESH_MS`: how old the knowledge of the champion may be.
    pub champion_refresh: Duration,
    /// `TASADOR_PREDICT_MAX_INSTANCES`: the most listings of one request.
    pub max_instances: usize,
    /// `TASADOR_INFERENCE_LOG`: whether answers are logged in the table of inferences.
    pub log: bool,
    /// `TASADOR_METRICS_FLUSH_MS`: how long counters may be in memory only, while requests come.
    pub metrics_flush: Duration,
}

impl Config {
    /// The settings of this process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] with every variable that can't be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        // What is not UTF-8 is shown as far as it can be, and refused by what reads it.
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The settings of an environment in which `lookup` finds a variable's value.
    ///
    /// # Errors
    /// [`ConfigError`] with every variable that can't be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let config = Self::build(&mut reader);
        reader.finish(config)
    }

    /// `None` where a value can't be used; the reader knows which.
    fn build(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Self> {
        // All are read before the first one that is missing ends it, so that all complaints come at once.
        let bucket = reader.text("TASADOR_BUCKET");
        let registry_table = reader.text("TASADOR_REGISTRY_TABLE");
        let rows_table = reader.text("TASADOR_ROWS_TABLE");
        let inferences_table = reader.text("TASADOR_INFERENCES_TABLE");
        let tokens_table = reader.text("TASADOR_TOKENS_TABLE");
        let token_key = reader.secret("TASADOR_TOKEN_KEY", HashKey::new);
        let require_tokens = reader.flag("TASADOR_REQUIRE_TOKENS");
        let s3_path_style = reader.flag("TASADOR_S3_PATH_STYLE");
        let model = reader.parsed("TASADOR_MODEL");
        let seed = reader.number("TASADOR_SEED", 0);
        let candidates = reader.names("TASADOR_CANDIDATES");
        let train_job_from_rows = reader.optional_number("TASADOR_TRAIN_JOB_FROM_ROWS");
        let max_runs = reader.number("TASADOR_MAX_RUNS", 1);
        let source = reader.optional("TASADOR_SOURCE");
        let state_machine = reader.optional("TASADOR_STATE_MACHINE_ARN");
        let spool_folder = reader.optional("TASADOR_SPOOL_DIR").map(PathBuf::from);
        let fetch = FetchLimits::build(reader);
        let gate = GateLimits::build(reader);
        let compare = CompareLimits::build(reader);
        let retention_days = reader.number("TASADOR_INFERENCE_RETENTION_DAYS", 1_u32);
        let predict = PredictLimits::build(reader);
        Some(Self {
            bucket: bucket?,
            registry_table: registry_table?,
            rows_table: rows_table?,
            inferences_table: inferences_table?,
            tokens_table: tokens_table?,
            token_key: token_key?,
            require_tokens: require_tokens?,
            s3_path_style: s3_path_style?,
            model: model?,
            seed: seed?,
            candidates: candidates?,
            train_job_from_rows: train_job_from_rows?,
            max_runs: max_runs?,
            source,
            state_machine,
            spool_folder,
            fetch: fetch?,
            gate: gate?,
            compare: compare?,
            compact: CompactLimits {
                retention: Duration::from_secs(u64::from(retention_days?) * 86_400),
            },
            predict: predict?,
        })
    }
}

impl FetchLimits {
    fn build(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Self> {
        let files_allowed = reader.flag("TASADOR_SOURCE_FILES");
        let connect_timeout = reader.duration_ms("TASADOR_SOURCE_CONNECT_TIMEOUT_MS");
        let read_timeout = reader.duration_ms("TASADOR_SOURCE_READ_TIMEOUT_MS");
        let total_timeout = reader.duration_ms("TASADOR_SOURCE_TOTAL_TIMEOUT_MS");
        let max_bytes = reader.number("TASADOR_SOURCE_MAX_BYTES", 1);
        Some(Self {
            files_allowed: files_allowed?,
            connect_timeout: connect_timeout?,
            read_timeout: read_timeout?,
            total_timeout: total_timeout?,
            max_bytes: max_bytes?,
        })
    }
}

impl GateLimits {
    fn build(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Self> {
        let min_rows = reader.number("TASADOR_GATE_MIN_ROWS", 1);
        let min_distinct_prices = reader.number("TASADOR_GATE_MIN_DISTINCT_PRICES", 1);
        let max_null_share = reader.share("TASADOR_GATE_MAX_NULL_SHARE");
        let max_reject_share = reader.share("TASADOR_GATE_MAX_REJECT_SHARE");
        let volume_growth_share = reader.positive("TASADOR_GATE_VOLUME_GROWTH_SHARE");
        let psi_limit = reader.positive("TASADOR_GATE_PSI_LIMIT");
        let psi_min_rows = reader.number("TASADOR_GATE_PSI_MIN_ROWS", 1);
        let new_category_share = reader.share("TASADOR_GATE_NEW_CATEGORY_SHARE");
        let error_growth_share = reader.positive("TASADOR_GATE_ERROR_GROWTH_SHARE");
        Some(Self {
            min_rows: min_rows?,
            min_distinct_prices: min_distinct_prices?,
            max_null_share: max_null_share?,
            max_reject_share: max_reject_share?,
            volume_growth_share: volume_growth_share?,
            psi_limit: psi_limit?,
            psi_min_rows: psi_min_rows?,
            new_category_share: new_category_share?,
            error_growth_share: error_growth_share?,
        })
    }
}

impl CompareLimits {
    fn build(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Self> {
        let min_mae_gain_share = reader.share("TASADOR_COMPARE_MIN_MAE_GAIN_SHARE");
        let max_rmse_loss_share = reader.share("TASADOR_COMPARE_MAX_RMSE_LOSS_SHARE");
        let confidence = reader.share("TASADOR_COMPARE_CONFIDENCE");
        let samples = reader.number("TASADOR_COMPARE_SAMPLES", 1);
        let min_rows = reader.number("TASADOR_COMPARE_MIN_ROWS", 1);
        let rmse_margin_usd = reader.optional_positive("TASADOR_COMPARE_RMSE_MARGIN_USD");
        Some(Self {
            min_mae_gain_share: min_mae_gain_share?,
            max_rmse_loss_share: max_rmse_loss_share?,
            confidence: confidence?,
            samples: samples?,
            min_rows: min_rows?,
            rmse_margin_usd: rmse_margin_usd?,
        })
    }
}

impl PredictLimits {
    fn build(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Self> {
        let champion_refresh = reader.duration_ms("TASADOR_CHAMPION_REFRESH_MS");
        let max_instances = reader.number("TASADOR_PREDICT_MAX_INSTANCES", 1);
        let log = reader.flag("TASADOR_INFERENCE_LOG");
        let metrics_flush = reader.duration_ms("TASADOR_METRICS_FLUSH_MS");
        Some(Self {
            champion_refresh: champion_refresh?,
            max_instances: max_instances?,
            log: log?,
            metrics_flush: metrics_flush?,
        })
    }
}

impl Default for Config {
    /// Every variable at its default.
    #[expect(clippy::expect_used, reason = "a test reads every default")]
    fn default() -> Self {
        Self::read(|_| None).expect("every default can be used")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_can_be_used() {
        let config = Config::default();
        assert_eq!(config.bucket, "tasador");
        assert_eq!(config.model.as_str(), "BestHousePriceModel");
        let all = ["linear", "ridge", "forest", "boosting", "blend"];
        assert_eq!(config.candidates, all);
        assert_eq!(config.source, None);
        assert_eq!(config.gate.min_rows, 50);
        assert_eq!(config.compare.min_mae_gain_share, 0.03);
        assert_eq!(config.compare.rmse_margin_usd, None);
        assert!(!config.fetch.files_allowed);
    }

    #[test]
    fn every_variable_that_is_listed_is_read_and_the_other_way_round() {
        let asked = RefCell::new(BTreeSet::new());
        Config::read(|name| {
            asked.borrow_mut().insert(name.to_owned());
            None
        })
        .unwrap();
        let listed: BTreeSet<String> = VARIABLES
            .iter()
            // Read by `logging::init`, before there is a configuration.
            .filter(|variable| variable.name != "TASADOR_LOG")
            .map(|variable| variable.name.to_owned())
            .collect();
        assert_eq!(*asked.borrow(), listed);
    }

    #[test]
    fn a_variable_set_to_nothing_is_not_set() {
        assert_eq!(Config::read(|_| Some(String::new())), Ok(Config::default()));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = [
            ("TASADOR_SEED", "-1"),
            ("TASADOR_MODEL", "a/b"),
            ("TASADOR_GATE_MAX_NULL_SHARE", "30%"),
            ("TASADOR_GATE_MIN_ROWS", "0"),
            ("TASADOR_COMPARE_CONFIDENCE", "NaN"),
            ("TASADOR_COMPARE_RMSE_MARGIN_USD", "-5"),
            ("TASADOR_SOURCE_FILES", "maybe"),
            ("TASADOR_TRAIN_JOB_FROM_ROWS", "1e6"),
            ("TASADOR_CANDIDATES", "linear,,boosting"),
            ("TASADOR_CHAMPION_REFRESH_MS", "5s"),
        ];
        let error = Config::read(|name| {
            let found = wrong.iter().find(|(wrong, _)| *wrong == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .unwrap_err();
        let named: BTreeSet<&str> = error.variables.iter().map(|bad| bad.name).collect();
        assert_eq!(named, wrong.iter().map(|(name, _)| *name).collect());
        let text = error.to_string();
        for (name, value) in wrong {
            assert!(text.contains(name) && text.contains(value), "{text}");
        }
    }

    #[test]
    fn a_key_that_is_too_short_is_refused_and_not_shown() {
        let read = |key: &'static str| {
            Config::read(|name| (name == "TASADOR_TOKEN_KEY").then(|| key.to_owned()))
        };
        let text = read("hunter2").unwrap_err().to_string();
        assert!(
            text.contains("TASADOR_TOKEN_KEY") && text.contains("32"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
        let config = read("a key of the test, of 32 characters and more").unwrap();
        assert!(config.token_key.is_some() && config.require_tokens);
        assert!(!format!("{config:?}").contains("a key of"));
    }

    #[test]
    fn values_are_read() {
        let config = Config::read(|name| {
            let value = match name {
                "TASADOR_SOURCE" => " http://127.0.0.1:8080/data?group_number=2 ",
                "TASADOR_SOURCE_FILES" => "TRUE",
                "TASADOR_CANDIDATES" => "ridge, forest",
                "TASADOR_SOURCE_READ_TIMEOUT_MS" => "1500",
                "TASADOR_COMPARE_RMSE_MARGIN_USD" => "1000",
                "TASADOR_GATE_PSI_LIMIT" => "0.25",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap();
        assert_eq!(
            config.source.as_deref(),
            Some("http://127.0.0.1:8080/data?group_number=2")
        );
        assert!(config.fetch.files_allowed);
        assert_eq!(config.candidates, ["ridge", "forest"]);
        assert_eq!(config.fetch.read_timeout, Duration::from_millis(1_500));
        assert_eq!(config.compare.rmse_margin_usd, Some(1_000.0));
        assert_eq!(config.gate.psi_limit, 0.25);
    }
}
