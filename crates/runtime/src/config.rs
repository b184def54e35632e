//! Settings, read once from the environment.
//!
//! Each setting is declared here, once: field, type, check, variable, default and meaning. The page
//! docs/configuration.md is generated from these declarations. A value that is not allowed is refused at
//! start; a variable that is set to an empty text counts as not set.

mod read;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tasador_access::HashKey;
use tasador_ids::{Algorithm, AreaUnit, Currency, ModelName, Units};

use crate::SourceAddress;
use read::Reader;
pub use read::{BadVariable, ConfigError};

/// A variable of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    /// As it would be written.
    pub default: Option<&'static str>,
    /// What it means, with its unit.
    pub meaning: &'static str,
}

/// Read by [`crate::logging::init`], before there is a configuration.
pub const LOG: Variable = Variable {
    name: "TASADOR_LOG",
    default: None,
    meaning: "What is logged, such as `info` or `fetch=debug`; if it is not set, RUST_LOG is read.",
};

macro_rules! default {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

/// Declares settings as `field: Type = check, "VARIABLE" = "default", "meaning";`. The check is a method of
/// [`Reader`] and gives the type.
macro_rules! settings {
    (
        $(#[$doc:meta])* $group:ident, $title:literal {
            $($field:ident: $kind:ty = $check:ident $(($least:expr))?, $name:literal $(= $default:literal)?, $meaning:literal;)*
        }
        $(groups { $($sub:ident: $sub_group:ident,)* })?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $group {
            $(#[doc = concat!("`", $name, "`: ", $meaning)] pub $field: $kind,)*
            $($(pub $sub: $sub_group,)*)?
        }

        impl $group {
            /// `None` if a value is not allowed; the reader knows which.
            fn build(reader: &mut Reader<'_>) -> Option<Self> {
                // All are read before the first one that is wrong ends it, so that one start reports all.
                $(
                    let $field = {
                        let variable = Variable { name: $name, default: default!($($default)?), meaning: $meaning };
                        reader.$check(variable $(, $least)?)
                    };
                )*
                $($(let $sub = $sub_group::build(reader);)*)?
                Some(Self { $($field: $field?,)* $($($sub: $sub?,)*)? })
            }

            /// All variables, in groups with a title.
            pub fn variables() -> Vec<(&'static str, Vec<Variable>)> {
                let own = vec![$(Variable { name: $name, default: default!($($default)?), meaning: $meaning }),*];
                #[allow(unused_mut)]
                let mut all = vec![($title, own)];
                $($(all.extend($sub_group::variables());)*)?
                all
            }
        }
    };
}

settings! {
    /// The settings of all functions.
    Config, "General" {
        model: ModelName = parsed, "TASADOR_MODEL" = "BestHousePriceModel", "The registered model.";
        seed: u64 = number(0), "TASADOR_SEED" = "42", "Seed of training and comparison, a whole number.";
        candidates: Vec<Algorithm> = algorithms, "TASADOR_CANDIDATES" = "linear,ridge,forest,boosting,blend", "Algorithms to train, comma-separated.";
        train_job_from_rows: Option<u64> = optional_number, "TASADOR_TRAIN_JOB_FROM_ROWS", "Number of rows of a dataset from which a candidate is trained by a job of AWS Batch instead of a function. Without it, functions train everything.";
        max_runs: u32 = number(1), "TASADOR_MAX_RUNS" = "1", "How many runs work on a batch at a time. The others wait in the state WaitForTurn, with their batches stored.";
        source: Option<SourceAddress> = source, "TASADOR_SOURCE", "Where batches come from: `http(s)://` (a data API), `s3://bucket/key`, or, if TASADOR_SOURCE_FILES allows it, a file. Without it, only stored batches can be processed.";
        source_secret: Option<String> = optional, "TASADOR_SOURCE_SECRET", "Secret of AWS Secrets Manager (name or ARN) whose text is used instead of TASADOR_SOURCE, for an address with credentials. It is read by each run.";
        schema: Option<PathBuf> = path, "TASADOR_SCHEMA", "File with the schema of listings. Without it, `tasador.toml` in the data folder, otherwise `tasador.toml` in the bucket; without these, the default schema.";
        currency: Currency = parsed, "TASADOR_CURRENCY" = "USD", "Currency of all prices, by its code of three letters, such as `EUR`; nothing is converted. `tasador` takes `currency` of `tasador.toml` if this is not set. Set it before the first batch.";
        area_unit: AreaUnit = parsed, "TASADOR_AREA_UNIT" = "ft2", "Unit of areas in clean rows, models, requests, answers and on the page: `ft2` (living areas in square feet, lots in acres) or `m2` (both in square metres). `tasador` takes `area_unit` of `tasador.toml` if this is not set. Set it before the first batch.";
        spool_folder: Option<PathBuf> = path, "TASADOR_SPOOL_DIR", "Folder for a batch until it is stored; the next process stores what an interrupted one left there. Without it, a temporary folder is used, which is removed with the process.";
        state_machine: Option<String> = optional, "TASADOR_STATE_MACHINE_ARN", "State machine whose executions `POST /runs` starts and `GET /runs` lists. Without it, both answer 503.";
        schedule: Option<String> = optional, "TASADOR_SCHEDULE", "How often runs start by themselves, as EventBridge writes it, such as `rate(1 hour)` or `cron(0 6 * * ? *)`. The page shows it; it starts nothing.";
        schedule_start: Option<Timestamp> = optional_time, "TASADOR_SCHEDULE_START", "When a `rate(…)` schedule began, such as `2026-11-25T09:30:00Z`, so that the page shows the next run.";
        bucket: String = text, "TASADOR_BUCKET" = "tasador", "The bucket.";
        s3_path_style: bool = flag, "TASADOR_S3_PATH_STYLE" = "false", "Whether the bucket's name is in the path of S3's address. Always true if an endpoint is set.";
        registry_table: String = text, "TASADOR_REGISTRY_TABLE" = "tasador-registry", "Table of batches, outcomes, models, promotions and runs.";
        inferences_table: String = text, "TASADOR_INFERENCES_TABLE" = "tasador-inferences", "Table of answered requests.";
        tokens_table: String = text, "TASADOR_TOKENS_TABLE" = "tasador-tokens", "Table of bearer tokens, hashed.";
        token_key: Option<HashKey> = token_key, "TASADOR_TOKEN_KEY", "Secret with which tokens are hashed, at least 32 characters. `authorize`, `web` and `tasador token --table` need it or TASADOR_TOKEN_KEY_SECRET; for a data folder, `tasador` uses its file `token.key`.";
        token_key_secret: Option<String> = optional, "TASADOR_TOKEN_KEY_SECRET", "Secret of AWS Secrets Manager (name or ARN) whose text is used instead of TASADOR_TOKEN_KEY. It is read again every 5 minutes, and earlier for a token that is unknown under the last key.";
        require_tokens: bool = flag, "TASADOR_REQUIRE_TOKENS" = "true", "Whether the page asks for a token and the description of the API says that one is required. On AWS the authorizer requires one in any case; `tasador` follows its options instead.";
    }
    groups {
        fetch: FetchLimits,
        gate: GateLimits,
        compare: CompareLimits,
        predict: PredictLimits,
        compact: CompactLimits,
    }
}

settings! {
    /// How the source is asked.
    FetchLimits, "Source" {
        files_allowed: bool = flag, "TASADOR_SOURCE_FILES" = "false", "Whether TASADOR_SOURCE may be a file of this machine.";
        connect_timeout: Duration = duration_ms, "TASADOR_SOURCE_CONNECT_TIMEOUT_MS" = "5000", "Longest time to connect to the source, in milliseconds.";
        read_timeout: Duration = duration_ms, "TASADOR_SOURCE_READ_TIMEOUT_MS" = "60000", "Longest silence of the source before and within its answer, in milliseconds.";
        total_timeout: Duration = duration_ms, "TASADOR_SOURCE_TOTAL_TIMEOUT_MS" = "600000", "Longest time for the source's whole answer, in milliseconds.";
        max_bytes: u64 = number(1), "TASADOR_SOURCE_MAX_BYTES" = "2147483648", "Largest batch, in bytes.";
    }
}

settings! {
    /// When a batch justifies training.
    GateLimits, "Gate" {
        min_rows: u64 = number(1), "TASADOR_GATE_MIN_ROWS" = "50", "Fewest clean rows of a batch to train on.";
        min_distinct_prices: u64 = number(1), "TASADOR_GATE_MIN_DISTINCT_PRICES" = "5", "Fewest different prices of a batch to train on.";
        max_null_share: f64 = share, "TASADOR_GATE_MAX_NULL_SHARE" = "0.6", "Largest share of missing values in a batch, over the columns of a listing that hold any, from 0 to 1.";
        max_reject_share: f64 = share, "TASADOR_GATE_MAX_REJECT_SHARE" = "0.5", "Largest share of rejected rows in a batch, from 0 to 1.";
        volume_growth_share: f64 = positive, "TASADOR_GATE_VOLUME_GROWTH_SHARE" = "0.2", "New clean rows, as a share of those the champion learned from, that justify training.";
        psi_limit: f64 = positive, "TASADOR_GATE_PSI_LIMIT" = "0.2", "Population stability index of a column, compared with the champion's data, from which it counts as drifted.";
        psi_min_rows: u64 = number(1), "TASADOR_GATE_PSI_MIN_ROWS" = "500", "Fewest clean rows of a batch, and of the data it is compared with, to judge drift, new categories, new columns and the champion's error.";
        new_category_share: f64 = share, "TASADOR_GATE_NEW_CATEGORY_SHARE" = "0.1", "Share of rows with a category unknown to the champion, from 0 to 1, that justifies training.";
        scale_factor: f64 = factor, "TASADOR_GATE_SCALE_FACTOR" = "3", "A batch is held if the median of the price or a main number is more than so many times that of the champion's data, or of it, and outside what 98 % of these are; of the size of lots, 100 times as many.";
        max_lost_share: f64 = share, "TASADOR_GATE_MAX_LOST_SHARE" = "0.5", "Largest share of the values of a main column, or of another one that the champion's prices depend on, that may be missing compared with the champion's data, or be unreadable, from 0 to 1, before the batch is held.";
        kind_changed_share: f64 = share, "TASADOR_GATE_KIND_CHANGED_SHARE" = "0.5", "Share of rows with a value, from 0 to 1, from which a column with another kind of values than the champion learned from, such as text in place of numbers, holds the batch.";
        max_other_population_share: f64 = share, "TASADOR_GATE_MAX_OTHER_POPULATION_SHARE" = "0.05", "Largest share of prices or living areas of another order of magnitude than the champion's data, such as rents among prices, from 0 to 1, before the batch is held.";
        max_new_population_share: f64 = share, "TASADOR_GATE_MAX_NEW_POPULATION_SHARE" = "0.5", "Largest share of types of property that the champion never saw, from 0 to 1, before the batch is held. What is new by chance is allowed beyond it.";
        psi_hold_limit: f64 = positive, "TASADOR_GATE_PSI_HOLD_LIMIT" = "4", "Population stability index of the price or a main number from which the batch is held: it means another unit or population.";
        error_growth_share: f64 = positive, "TASADOR_GATE_ERROR_GROWTH_SHARE" = "0.15", "Growth of the champion's error on the batch compared with homes it was not trained on, as a share, that justifies training. Also of the prices that it served, by later sales.";
        served_min_sales: u64 = number(1), "TASADOR_GATE_SERVED_MIN_SALES" = "100", "Fewest later sales by which the champion's served prices are judged.";
    }
}

settings! {
    /// When a challenger is better.
    CompareLimits, "Comparison" {
        min_mae_gain_share: f64 = share, "TASADOR_COMPARE_MIN_MAE_GAIN_SHARE" = "0.03", "Share by which the mean absolute error must fall, from 0 to 1.";
        max_rmse_loss_share: f64 = share, "TASADOR_COMPARE_MAX_RMSE_LOSS_SHARE" = "0.01", "Share by which the root mean squared error may rise, from 0 to 1.";
        confidence: f64 = share, "TASADOR_COMPARE_CONFIDENCE" = "0.95", "Share of the bootstrap's samples in which the challenger must be better, from 0 to 1.";
        samples: u32 = number(1), "TASADOR_COMPARE_SAMPLES" = "1000", "Samples of the bootstrap.";
        min_rows: u32 = number(1), "TASADOR_COMPARE_MIN_ROWS" = "30", "Fewest homes for a verdict.";
        rmse_margin_usd: Option<f64> = optional_positive, "TASADOR_COMPARE_RMSE_MARGIN_USD", "If set, the amount, in the currency of prices, by which the root mean squared error must fall as well.";
        max_segment_loss_share: f64 = positive, "TASADOR_COMPARE_MAX_SEGMENT_LOSS_SHARE" = "0.25", "Share by which the mean absolute error of the homes of one state, zip code or type of property may rise. A challenger that is worse there is rejected, however good it is elsewhere.";
        segment_min_homes: u32 = number(1), "TASADOR_COMPARE_SEGMENT_MIN_HOMES" = "200", "Fewest homes of a state, zip code or type of property that is judged separately.";
        ratio_ranges: bool = flag, "TASADOR_COMPARE_RATIO_RANGES" = "false", "Whether a challenger is rejected if its ratio study (sales without outliers, out of fold) is outside of the profession's ranges: median ratio 0.9 to 1.1, COD 5 to 15, PRD 0.98 to 1.03, PRB -0.05 to 0.05.";
    }
}

settings! {
    /// How prices are served.
    PredictLimits, "Prices" {
        champion_refresh: Duration = duration_ms, "TASADOR_CHAMPION_REFRESH_MS" = "3000", "How long `predict` uses what it knows of the champion before it looks again, in milliseconds.";
        max_instances: usize = number(1), "TASADOR_PREDICT_MAX_INSTANCES" = "1000", "Most listings of one request to `predict`.";
        log: bool = flag, "TASADOR_INFERENCE_LOG" = "true", "Whether each answer of `predict` is written to the table of inferences before it is sent. Without the log no answer can be traced: off for measurements only.";
        metrics_flush: Duration = duration_ms, "TASADOR_METRICS_FLUSH_MS" = "10000", "Longest time that the counts of `predict` are only in memory while requests come, in milliseconds.";
    }
}

settings! {
    /// How the inference log is compacted.
    CompactLimits, "Inference log" {
        retention: Duration = days, "TASADOR_INFERENCE_RETENTION_DAYS" = "30", "How long the table of inferences keeps entries that are in a file of the bucket, in days.";
        sale_window: Duration = days, "TASADOR_SALE_WINDOW_DAYS" = "365", "Longest time between a served price and the sale that evaluates it, in days.";
        propose_rollback: bool = flag, "TASADOR_PROPOSE_ROLLBACK" = "false", "Whether a rollback is proposed when the served prices of the model in production turn out worse than its validation promised (TASADOR_GATE_ERROR_GROWTH_SHARE, TASADOR_GATE_SERVED_MIN_SALES) and a former version was better. A person accepts it.";
    }
}

impl Config {
    /// The units of prices and areas.
    pub const fn units(&self) -> Units {
        Units {
            currency: self.currency,
            area: self.area_unit,
        }
    }

    /// Every variable that the functions read, besides those of the AWS SDK.
    pub fn all_variables() -> impl Iterator<Item = Variable> {
        let groups = Self::variables().into_iter();
        groups.flat_map(|(_, variables)| variables).chain([LOG])
    }

    /// The settings of this process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] with every variable that has a value that is not allowed.
    pub fn from_env() -> Result<Self, ConfigError> {
        // A value that is not UTF-8 is shown as far as possible, and refused by its check.
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The settings of an environment in which `lookup` finds a variable's value.
    ///
    /// # Errors
    /// [`ConfigError`] with every variable that has a value that is not allowed.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let config = Self::build(&mut reader);
        reader.finish(config)
    }
}

impl Default for Config {
    /// Every variable at its default.
    #[expect(clippy::expect_used, reason = "a test reads every default")]
    fn default() -> Self {
        Self::read(|_| None).expect("every default is allowed")
    }
}

#[cfg(test)]
mod tests {

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_is_allowed() {
        let config = Config::default();
        assert_eq!(config.bucket, "tasador");
        assert_eq!(config.model.as_str(), "BestHousePriceModel");
        assert_eq!(config.candidates, Algorithm::ALL);
        assert_eq!(config.source, None);
        assert_eq!(config.gate.min_rows, 50);
        assert_eq!(config.compare.min_mae_gain_share, 0.03);
        assert_eq!(config.compare.rmse_margin_usd, None);
        assert!(!config.fetch.files_allowed);
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        assert_eq!(Config::read(|_| Some(String::new())), Ok(Config::default()));
    }

    #[test]
    fn every_wrong_value_is_reported_at_once() {
        let wrong = [
            ("TASADOR_SEED", "-1"),
            ("TASADOR_MODEL", "a/b"),
            ("TASADOR_GATE_MAX_NULL_SHARE", "30%"),
            ("TASADOR_GATE_MIN_ROWS", "0"),
            ("TASADOR_COMPARE_CONFIDENCE", "NaN"),
            ("TASADOR_COMPARE_RMSE_MARGIN_USD", "-5"),
            ("TASADOR_SOURCE_FILES", "maybe"),
            ("TASADOR_CURRENCY", "pesos"),
            ("TASADOR_AREA_UNIT", "acres"),
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
    fn a_candidate_that_is_not_an_algorithm_is_refused_with_the_names_that_exist() {
        let error = Config::read(|name| {
            (name == "TASADOR_CANDIDATES").then(|| "linear,xgboost".to_owned())
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "TASADOR_CANDIDATES is `linear,xgboost`, expected a comma-separated list of linear, ridge, forest, boosting, blend"
        );
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
            config.source.as_ref().map(SourceAddress::reveal),
            Some("http://127.0.0.1:8080/data?group_number=2")
        );
        assert!(config.fetch.files_allowed);
        assert_eq!(config.candidates, [Algorithm::Ridge, Algorithm::Forest]);
        assert_eq!(config.fetch.read_timeout, Duration::from_millis(1_500));
        assert_eq!(config.compare.rmse_margin_usd, Some(1_000.0));
        assert_eq!(config.gate.psi_limit, 0.25);
    }
}
