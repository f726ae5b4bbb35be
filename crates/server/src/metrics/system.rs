//! What the system says of this process, under the names that Prometheus' own libraries use.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Of times in /proc: the same on every Linux (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads /proc when it is asked.
#[derive(Debug)]
pub(super) struct System;

/// What it reads.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Reading {
    cpu_seconds: f64,
    resident_octets: u64,
    descriptors: u64,
    descriptors_max: u64,
}

impl Reading {
    fn now() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            cpu_seconds: cpu_seconds(&read("stat")).unwrap_or_default(),
            resident_octets: number_after(&read("status"), "VmRSS:").unwrap_or_default().saturating_mul(1024),
            descriptors: u64::try_from(descriptors).unwrap_or_default(),
            descriptors_max: number_after(&read("limits"), "Max open files").unwrap_or_default(),
        }
    }
}

/// User and system time of `/proc/PID/stat` (`proc_pid_stat(5)`): fields 14 and 15; the name in field 2 may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let ticks: u32 = fields.next()?.parse::<u32>().ok()?.checked_add(fields.next()?.parse().ok()?)?;
    Some(f64::from(ticks) / TICKS_PER_SECOND)
}

/// The first number of the line that begins so.
fn number_after(text: &str, start: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(start))?;
    rest.split_ascii_whitespace().find_map(|word| word.parse().ok())
}

impl Collector for System {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let reading = Reading::now();
        let cpu = ConstCounter::new(reading.cpu_seconds);
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", "Processor time", None, cpu.metric_type())?)?;
        let gauges = [
            ("process_resident_memory_bytes", "Memory", reading.resident_octets),
            ("process_open_fds", "Open file descriptors", reading.descriptors),
            ("process_max_fds", "As many as there may be", reading.descriptors_max),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_writes_is_read() {
        let stat = "42 (two) way) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 9 0 100 1000 10";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("42 (twoway) S 1"), None);
        assert_eq!(number_after("VmHWM:\t  9 kB\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234));
        assert_eq!(
            number_after("Max open files            1024                 20000                files\n", "Max open files"),
            Some(1024)
        );
        let now = Reading::now();
        assert!(now.resident_octets > 0 && now.descriptors > 0 && now.descriptors_max >= now.descriptors, "{now:?}");
    }
}
