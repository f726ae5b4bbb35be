//! What waits for company, for how long, and that nothing waits for ever.

use std::sync::mpsc::{RecvTimeoutError, channel};

use super::*;

/// How many operations a thread finds that waits for some, each pushed with such haste, one after the other.
fn found(linger: Duration, pushed: &[Haste]) -> Vec<Result<usize, RecvTimeoutError>> {
    let queue = Queue { linger, ..Queue::new(Access::Write, Arc::default()) };
    let (found, heard) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while queue.wait(None) == Waited::Arrived {
                found.send(queue.take_batch().len()).unwrap();
            }
        });
        let after = |haste: &Haste| {
            let is_expected = *haste == Haste::Now || linger.is_zero();
            drop(queue.push(*haste, 0, |_tx| Ok(())).unwrap());
            heard.recv_timeout(if is_expected { Duration::from_mins(1) } else { Duration::from_millis(50) })
        };
        let all = pushed.iter().map(after).collect();
        queue.close();
        all
    })
}

#[test]
fn what_nobody_waits_for_goes_with_the_next_or_a_moment_later() {
    let (long, nothing) = (Duration::from_hours(1), Err(RecvTimeoutError::Timeout));
    assert_eq!(found(long, &[Haste::Now, Haste::WithNext, Haste::WithNext, Haste::Now]), [Ok(1), nothing, nothing, Ok(3)]);
    assert_eq!(found(Duration::ZERO, &[Haste::WithNext]), [Ok(1)]);
}

/// How many operations a thread finds behind a crowd, if so many are pushed with so many octets each.
fn found_behind_a_crowd(haste: Haste, gather: Duration, (before, crowd): (Haste, usize), (count, octets): (usize, usize)) -> Option<usize> {
    let queue = Queue { gather, ..Queue::new(Access::Write, Arc::default()) };
    let push = |haste, octets| drop(queue.push(haste, octets, |_tx| Ok(())).unwrap());
    (0..crowd).for_each(|_one| push(before, 0));
    assert_eq!((queue.wait(None), queue.take_batch().len()), (Waited::Arrived, crowd), "nothing came before it");
    let (took, heard) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(queue.wait(None), Waited::Arrived);
            took.send(queue.take_batch().len()).unwrap();
        });
        (0..count).for_each(|_one| push(haste, octets));
        let found = heard.recv_timeout(Duration::from_millis(if gather.as_secs() > 0 { 200 } else { 60_000 }));
        queue.close();
        found.ok()
    })
}

#[test]
fn behind_a_crowd_a_moment_is_waited_for_more() {
    let (moment, hour) = (Duration::from_millis(1), Duration::from_hours(1));
    let many = Haste::WithCrowd;
    let found = |gather, crowd, pushed| found_behind_a_crowd(many, gather, (many, crowd), pushed);
    assert!(found(moment, CROWD, (1, 0)).is_some());
    assert_eq!(found(hour, CROWD, (BATCH_OPERATIONS_MAX - 1, 0)), None);
    assert_eq!(found(hour, CROWD, (BATCH_OPERATIONS_MAX, 0)), Some(BATCH_OPERATIONS_MAX), "no more go together");
    assert_eq!(found(hour, CROWD, (2, BATCH_OCTETS_MAX / 2)), Some(2), "no more octets go together");
    assert!(found(hour, CROWD - 1, (1, 0)).is_some(), "no crowd");
    assert!(found_behind_a_crowd(Haste::Now, hour, (many, CROWD), (1, 0)).is_some(), "no message");
    assert!(found_behind_a_crowd(many, hour, (Haste::Now, CROWD), (1, 0)).is_some(), "no crowd of messages");
}

#[test]
fn what_several_threads_wait_for_is_taken_once() {
    let queue = Queue { gather: Duration::from_micros(50), ..Queue::new(Access::Read, Arc::default()) };
    let (took, heard) = channel();
    let taken: usize = std::thread::scope(|scope| {
        for _thread in 0..3 {
            let (queue, took) = (&queue, took.clone());
            scope.spawn(move || {
                while queue.wait(None) != Waited::Closed {
                    took.send(queue.take_batch().len()).unwrap();
                }
            });
        }
        let mut taken = 0;
        for burst in (1..=600).chain([3 * BATCH_OPERATIONS_MAX]) {
            (0..burst).for_each(|_one| drop(queue.push(Haste::Now, 0, |_tx| Ok(())).unwrap()));
            let mut left = burst;
            while left > 0
                && let Ok(count) = heard.recv_timeout(Duration::from_mins(1))
            {
                left -= count;
                taken += count;
            }
        }
        queue.close();
        taken
    });
    assert_eq!(taken, (1..=600).sum::<usize>() + 3 * BATCH_OPERATIONS_MAX);
}

#[test]
fn what_waits_for_company_is_carried_out_before_the_end() {
    let queue = Queue { linger: Duration::from_hours(1), ..Queue::new(Access::Write, Arc::default()) };
    let answer = queue.push(Haste::WithNext, 0, |_tx| Ok(()));
    queue.close();
    assert!(answer.is_ok());
    assert_eq!((queue.wait(None), queue.take_batch().len(), queue.wait(None)), (Waited::Arrived, 1, Waited::Closed));
}
