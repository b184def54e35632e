//! The demo's source: the stand-in data API, with one month of sales in each batch.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::sales::Month;
use crate::source::DataApi;

/// How long the last answer may take after the demo has ended.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The running source. It ends with [`stop`](Self::stop), or when this is dropped.
#[derive(Debug)]
pub(crate) struct MonthlySource {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl MonthlySource {
    /// Serves these months on a free port.
    pub(crate) async fn start(months: &[Month]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port for the demo's data API; close some programs and try again")?;
        let address = listener.local_addr()?;
        let api =
            DataApi::from_batches(months.iter().map(|month| month.listings.clone()).collect());
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            if let Err(error) = api.serve(listener, shutdown).await {
                tracing::error!(%error, "the demo's data API failed");
            }
        });
        Ok(Self {
            url: format!("http://{address}/data?group_number=1"),
            stop: Some(stop),
            server,
        })
    }

    /// What `TASADOR_SOURCE` has to be.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it in good order.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        if tokio::time::timeout(TIMEOUT, &mut self.server)
            .await
            .is_err()
        {
            tracing::warn!(
                "a client kept its connection to the demo's data API open; stopping without it"
            );
        }
    }
}

impl Drop for MonthlySource {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn each_answer_is_one_month_until_there_are_no_more() {
        let month = |name: &str, bed: f64| Month {
            name: name.to_owned(),
            listings: vec![json!({ "bed": bed })],
        };
        let source = MonthlySource::start(&[month("2014-05", 1.0), month("2014-06", 2.0)])
            .await
            .unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for bed in [1.0, 2.0] {
            let answer = client
                .get(source.url())
                .send()
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["data"], json!([{ "bed": bed }]));
        }
        assert_eq!(client.get(source.url()).send().await.unwrap().status(), 400);
        let url = source.url().to_owned();
        source.stop().await;
        assert!(client.get(url).send().await.is_err());
    }
}
