//! Faults in requests of AWS clients, and a look at what they ask.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

pub use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
pub use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
pub use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// A side of a request's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// It has not left yet; an error means that it never does.
    Before,
    /// It took effect; an error means that its answer is lost.
    After,
}

/// A request on its way: the request itself before its effect, nothing of it after.
pub type Seen<'a> = Option<&'a HttpRequest>;

/// Calls `see` before and after every request. Its error fails the request, and the client does not
/// repeat it.
pub fn on_request(
    see: impl Fn(Seen<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
) -> SharedInterceptor {
    SharedInterceptor::new(OnRequest(see))
}

/// What a request asks for: an operation of DynamoDB or Step Functions, or `S3`.
pub fn operation(request: &HttpRequest) -> &str {
    let target = request.headers().get("x-amz-target").unwrap_or("S3");
    target.rsplit('.').next().unwrap_or_default()
}

struct OnRequest<F>(F);

impl<F> fmt::Debug for OnRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRequest")
    }
}

impl<F> Intercept for OnRequest<F>
where
    F: Fn(Seen<'_>) -> Result<(), BoxError> + Send + Sync,
{
    fn name(&self) -> &'static str {
        "on_request"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        (self.0)(Some(context.request()))
    }

    fn read_after_deserialization(
        &self,
        _: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        (self.0)(None)
    }
}

/// Fails one request by its number. Cloning shares the count.
#[derive(Debug, Clone)]
pub struct FailingRequest {
    left: Arc<AtomicI64>,
    side: Side,
    is_lasting: bool,
}

impl FailingRequest {
    /// The `nth` request fails; the first is 1.
    pub fn nth(nth: i64, side: Side) -> Self {
        Self {
            left: Arc::new(AtomicI64::new(nth)),
            side,
            is_lasting: false,
        }
    }

    /// The `nth` request fails and every later one, as in a process that was killed.
    pub fn from_nth(nth: i64, side: Side) -> Self {
        Self {
            is_lasting: true,
            ..Self::nth(nth, side)
        }
    }

    /// Whether a request has failed.
    pub fn has_struck(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    /// The interceptor that does it.
    pub fn interceptor(&self) -> SharedInterceptor {
        let fault = self.clone();
        on_request(move |seen| {
            let side = seen.map_or(Side::After, |_| Side::Before);
            let fails_by_number =
                side == fault.side && fault.left.fetch_sub(1, Ordering::SeqCst) == 1;
            if fails_by_number || (fault.is_lasting && fault.has_struck()) {
                return Err("a fault on purpose".into());
            }
            Ok(())
        })
    }
}

/// Fails requests by what they ask for, before their effect. Cloning shares the list.
#[derive(Debug, Clone, Default)]
pub struct FailingOperations(Arc<Mutex<BTreeSet<&'static str>>>);

impl FailingOperations {
    /// From now on these fail, in the words of [`operation`], and no others.
    pub fn set(&self, operations: &[&'static str]) {
        *self.0.lock().unwrap() = operations.iter().copied().collect();
    }

    /// The interceptor that does it.
    pub fn interceptor(&self) -> SharedInterceptor {
        let faults = self.clone();
        on_request(move |seen| match seen.map(operation) {
            Some(operation) if faults.0.lock().unwrap().contains(operation) => {
                Err("a fault on purpose".into())
            }
            _ => Ok(()),
        })
    }
}
