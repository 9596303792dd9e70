//! A request that was answered before its body was read: what is left of it is taken and thrown away, within bounds.
//!
//! Otherwise the connection is closed under a client that is sending still, which resets it and may cost the answer, or
//! under one that asks again on it: a collector whose token was refused refreshes it there. What goes beyond the bounds,
//! or was to be asked for first, is left, and the answer says that the connection ends with it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Response};
use axum::middleware::Next;
use http_body_util::BodyExt;

/// Longer bodies are asked for by our collectors before they are sent.
const BYTES: usize = 256 << 10;
const WITHIN: Duration = Duration::from_secs(2);

/// Where a body is left by who does not read it to its end.
type Left = Arc<Mutex<Option<Body>>>;

pub async fn discard(request: Request, next: Next) -> Response<Body> {
    let asked_first = request.headers().contains_key(EXPECT);
    let left = Left::default();
    let request = request.map(|body| Body::new(Lent { body: Some(body), left: left.clone() }));
    let mut response = next.run(request).await;
    let unread = left.lock().ok().and_then(|mut left| left.take());
    if let Some(body) = unread
        && (asked_first || !to_its_end(body).await)
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether it has come to it.
async fn to_its_end(mut body: Body) -> bool {
    let throw_away = async {
        let mut taken = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            taken += frame.data_ref().map_or(0, Bytes::len);
            if taken > BYTES {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(WITHIN, throw_away).await.unwrap_or(false)
}

/// A body that comes back from whoever drops it too early.
struct Lent {
    body: Option<Body>,
    left: Left,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream())
            && let Ok(mut left) = self.left.lock()
        {
            *left = Some(body);
        }
    }
}
