use std::sync::Mutex as StdMutex;

use super::*;

/// What happened in which order, told by tasks that sleep.
#[derive(Clone, Default)]
struct Diary(Arc<StdMutex<Vec<&'static str>>>);

impl Diary {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn read(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs `body` as an activity that can be dismissed.
fn spawn<F: Future<Output = ()> + Send + 'static>(
    activities: &Arc<Activities>,
    body: impl FnOnce(Activity) -> F,
) -> tokio::task::JoinHandle<()> {
    let activity = activities.begin().unwrap();
    let parking = activity.parking().clone();
    let body = body(activity);
    tokio::spawn(async move {
        unless_dismissed(&parking, body).await;
    })
}

fn manual() -> (Clock, Arc<Activities>) {
    let clock = Clock::new(ClockMode::Manual);
    (clock.clone(), Arc::new(Activities::new(clock)))
}

#[test]
fn a_mode_is_real_or_manual_or_a_speed() {
    for text in ["real", "manual", "20x", "0.5x", "1000x"] {
        assert_eq!(text.parse::<ClockMode>().unwrap().to_string(), text);
    }
    for text in ["", "x", "0x", "-1x", "NaNx", "infx", "1e9x", "Real", "20"] {
        let reason = text.parse::<ClockMode>().expect_err(text);
        assert!(
            reason.starts_with("expected `real`, `manual` or"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_scaled_clock_passes_a_minute_at_once() {
    let clock = Clock::new(ClockMode::Scaled(100_000.0));
    let activity = Arc::new(Activities::new(clock.clone())).begin().unwrap();
    let (start, machine) = (clock.now(), Stopwatch::start());
    activity.sleep_until(start + seconds(60)).await;
    assert!(clock.now() >= start + seconds(60));
    assert!(machine.elapsed() < seconds(30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manual_clock_plays_in_order_of_moments_then_of_beginnings() {
    for _ in 0..50 {
        let (clock, activities) = manual();
        let (start, diary) = (clock.now(), Diary::default());
        for (name, after) in [("c", 3), ("a1", 1), ("b", 2), ("a2", 1)] {
            let diary = diary.clone();
            spawn(&activities, |activity| async move {
                activity.sleep_until(start + seconds(after)).await;
                tokio::task::yield_now().await;
                diary.note(name);
            });
        }
        clock.advance(Advance::By(seconds(2))).await.unwrap();
        assert_eq!(diary.read(), ["a1", "a2", "b"]);
        assert_eq!(clock.now(), start + seconds(2));
        assert_eq!(clock.next_due(), Some(start + seconds(3)));
        clock.advance(Advance::UntilIdle).await.unwrap();
        assert_eq!(diary.read(), ["a1", "a2", "b", "c"]);
        assert_eq!(clock.next_due(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_advance_waits_for_real_work_and_plays_what_follows_from_it() {
    let (clock, activities) = manual();
    let (start, diary) = (clock.now(), Diary::default());
    let told = diary.clone();
    let own = clock.clone();
    spawn(&activities, |activity| async move {
        activity.sleep_until(start + seconds(1)).await;
        pause(Duration::from_millis(20)).await;
        told.note("answered");
        activity.sleep_until(own.now() + seconds(1)).await;
        told.note("followed");
    });

    clock.advance(Advance::ToNext).await.unwrap();
    assert_eq!(diary.read(), ["answered"]);
    assert_eq!(clock.now(), start + seconds(1));
    clock.advance(Advance::By(seconds(60))).await.unwrap();
    assert_eq!(diary.read(), ["answered", "followed"]);
    assert_eq!(clock.now(), start + seconds(61));
}

#[tokio::test]
async fn a_switch_keeps_every_remaining_delay() {
    let (clock, activities) = manual();
    let start = clock.now();
    let sleeper = spawn(&activities, |activity| async move {
        activity.sleep_until(start + seconds(60)).await;
    });
    clock.advance(Advance::By(seconds(59))).await.unwrap();
    assert!(!sleeper.is_finished());

    clock.set_mode(ClockMode::Scaled(100_000.0));
    timeout(seconds(30), sleeper).await.unwrap().unwrap();
    assert!(clock.now() >= start + seconds(60));

    clock.set_mode(ClockMode::Real);
    let start = clock.now();
    let sleeper = spawn(&activities, |activity| async move {
        activity.sleep_until(start + seconds(3600)).await;
    });
    clock.set_mode(ClockMode::Manual);
    clock.advance(Advance::UntilIdle).await.unwrap();
    timeout(seconds(30), sleeper).await.unwrap().unwrap();
    assert_eq!(clock.now(), start + seconds(3600));
}

#[tokio::test]
async fn only_a_manual_clock_can_be_moved() {
    let clock = Clock::new(ClockMode::Scaled(20.0));
    let refused = clock.advance(Advance::UntilIdle).await.unwrap_err();
    assert_eq!(refused.to_string(), "the clock is `20x`, not `manual`");
}

#[tokio::test]
async fn what_something_else_than_time_ends_counts_as_parked_until_then() {
    let (clock, activities) = manual();
    let (ended, waiting) = tokio::sync::oneshot::channel::<()>();
    let diary = Diary::default();
    let told = diary.clone();
    let activity = activities.begin().unwrap();
    let parking = activity.parking().clone();
    let task = tokio::spawn(async move {
        let _ = activity.parked(waiting).await;
        pause(Duration::from_millis(5)).await;
        told.note("went on");
    });
    clock.advance(Advance::UntilIdle).await.unwrap();
    assert!(diary.read().is_empty());

    parking.leave();
    ended.send(()).unwrap();
    clock.advance(Advance::UntilIdle).await.unwrap();
    assert_eq!(diary.read(), ["went on"]);
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_ends_who_waits_at_once_and_who_is_busy_when_it_next_waits() {
    let (clock, activities) = manual();
    let (start, diary) = (clock.now(), Diary::default());
    let told = diary.clone();
    spawn(&activities, |activity| async move {
        activity.sleep_until(start + seconds(1)).await;
        told.note("a sleeper went on");
    });
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let told = diary.clone();
    spawn(&activities, |activity| async move {
        begun.send(()).unwrap();
        pause(Duration::from_millis(20)).await;
        told.note("finished sending");
        // Also what is due already is not begun any more.
        activity.sleep_until(start).await;
        told.note("a busy one went on");
    });
    has_begun.await.unwrap();

    activities.close();
    timeout(seconds(30), activities.over()).await.unwrap();
    assert_eq!(diary.read(), ["finished sending"]);
    clock.advance(Advance::UntilIdle).await.unwrap();
    assert_eq!(clock.next_due(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_goes_on_where_it_slept_and_ends_with_its_activities() {
    for is_reset in [false, true] {
        let (clock, activities) = manual();
        let (start, diary) = (clock.now(), Diary::default());
        let told = diary.clone();
        let activity = activities.begin().unwrap();
        let parking = activity.parking().clone();
        let life = async move {
            for (what, after) in [("a minute", 60), ("an hour", 3600)] {
                activity.sleep_until(start + seconds(after)).await;
                told.note(what);
            }
        };
        let task = tokio::spawn(live(parking.clone(), Box::pin(life)));
        timeout(seconds(30), task).await.unwrap().unwrap();
        assert_eq!(clock.next_due(), Some(start + seconds(60)), "no task waits");

        clock.advance(Advance::ToNext).await.unwrap();
        assert_eq!(diary.read(), ["a minute"]);
        // Who is roused too early sleeps on.
        parking.rouse();
        clock.advance(Advance::By(seconds(1))).await.unwrap();
        assert_eq!(diary.read(), ["a minute"]);
        assert_eq!(clock.next_due(), Some(start + seconds(3600)));

        if is_reset {
            activities.close();
        } else {
            clock.advance(Advance::UntilIdle).await.unwrap();
            assert_eq!(diary.read(), ["a minute", "an hour"]);
        }
        timeout(seconds(30), activities.over()).await.unwrap();
        assert_eq!(clock.next_due(), None);
    }
}

#[tokio::test]
async fn lives_go_on_by_themselves_as_soon_as_time_does() {
    let (clock, activities) = manual();
    let start = clock.now();
    let (ended, mut has_ended) = tokio::sync::mpsc::unbounded_channel();
    for after in [3, 1, 2] {
        let activity = activities.begin().unwrap();
        let (parking, ended) = (activity.parking().clone(), ended.clone());
        let life = async move {
            activity.sleep_until(start + seconds(after)).await;
            activity.sleep_until(start + seconds(60 + after)).await;
            ended.send(after).unwrap();
        };
        live(parking, Box::pin(life)).await;
    }
    clock.set_mode(ClockMode::Scaled(1_000.0));
    for after in [1, 2, 3] {
        let ended = timeout(seconds(30), has_ended.recv()).await.unwrap();
        assert_eq!(ended, Some(after));
    }
    timeout(seconds(30), activities.over()).await.unwrap();
}

#[test]
fn sleepers_go_on_in_the_runtime_of_now_if_that_of_before_is_gone() {
    let (clock, activities) = manual();
    clock.set_mode(ClockMode::Real);
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    };
    for _ in 0..2 {
        let activity = activities.begin().unwrap();
        runtime().block_on(async {
            let long = activity.sleep_until(clock.now() + seconds(3600));
            assert!(timeout(Duration::ZERO, long).await.is_err());
            let short = activity.sleep_until(clock.now() + Duration::from_millis(1));
            timeout(seconds(30), short).await.unwrap();
        });
    }
}
