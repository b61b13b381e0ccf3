use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use super::Parking;
use super::parking::Life;

/// Lives `life`, which goes on in the activity of `parking`, to its end or until it is dismissed.
///
/// Rationale: a call waits most of its time, and there may be a million of them. Whenever `life` sleeps,
/// it is set aside, and this task ends; the clock begins another one when the sleep is over. So a call
/// that waits takes the memory of `life` and of a place in a queue, and no task and no timer.
pub(crate) async fn live(parking: Arc<Parking>, mut life: Life) {
    loop {
        let sleeps_or_ends = poll_fn(|context| match life.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending if parking.is_asleep() => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
        });
        let sleeps = unless_dismissed(&parking, sleeps_or_ends).await;
        if sleeps != Some(true) {
            return;
        }
        match parking.set_aside(life) {
            Some(roused) => life = roused,
            None => return,
        }
    }
}

/// Waits for `body`, which goes on in the activity of `parking`; `None` if the project is reset before,
/// and the activity is not in the middle of something.
pub(crate) async fn unless_dismissed<T>(
    parking: &Parking,
    body: impl Future<Output = T>,
) -> Option<T> {
    let mut body = pin!(body);
    let mut closed = parking.of().closed();
    poll_fn(|context| {
        if let Poll::Ready(done) = body.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        // One that is busy need not be told: it asks again when it waits, which only happens in `body`.
        match parking.is_busy() {
            true => Poll::Pending,
            false => Pin::new(&mut closed).poll(context).map(|()| None),
        }
    })
    .await
}
