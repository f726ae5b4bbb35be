//! Chance that can be had again, and the distributions drawn from it. No function of the platform's mathematics library
//! is used: one seed gives the same numbers everywhere.

use std::sync::OnceLock;

/// `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own for each label: what one study draws does not disturb another.
    #[must_use]
    pub fn of(seed: u64, label: u64) -> Self {
        let mut parent = Self(seed ^ label.wrapping_mul(0xd134_2543_de82_ef95));
        Self(parent.draw())
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound` (of at most 32 bits); 0 if there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((self.draw() >> 32) * bound) >> 32
    }

    /// True in so many of a thousand cases.
    pub fn permille(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    /// An index below `length`, the first ones more often: the square of a uniform number.
    pub fn skewed(&mut self, length: usize) -> usize {
        let length = length as u64;
        let (one, other) = (self.below(length), self.below(length));
        usize::try_from(one * other / length.max(1)).unwrap_or(0)
    }
}

/// Sizes: as many quantiles of a log-normal distribution as one draw chooses among.
#[derive(Debug, Clone)]
pub struct LogNormal(Vec<u64>);

/// Those of the standard normal distribution: many are made from them.
static NORMAL: OnceLock<Vec<f64>> = OnceLock::new();

/// Quantiles that stand for a continuous distribution.
const QUANTILES: u32 = 4096;

impl LogNormal {
    /// With this median, and this standard deviation of its logarithm in thousandths.
    pub fn new(median: u64, sigma_permille: u64) -> Self {
        let sigma = float(sigma_permille) / 1000.0;
        let size = |z: f64| whole(float(median) * exp(sigma * z)).max(1);
        Self(NORMAL.get_or_init(normal_quantiles).iter().copied().map(size).collect())
    }

    /// One of them.
    pub fn draw(&self, chance: &mut Chance) -> u64 {
        let index = usize::try_from(chance.below(u64::from(QUANTILES))).unwrap_or(0);
        self.0.get(index).copied().unwrap_or(0)
    }

    /// The mean of what is drawn.
    pub fn mean(&self) -> u64 {
        self.0.iter().sum::<u64>() / u64::from(QUANTILES)
    }
}

/// The quantiles (i + 1/2) / n of the standard normal distribution, by summing its density.
fn normal_quantiles() -> Vec<f64> {
    const STEPS: u32 = 40_000;
    let mut quantiles = Vec::with_capacity(QUANTILES as usize);
    let (mut below, width) = (0.0, 10.0 / f64::from(STEPS));
    for step in 0..STEPS {
        let z = -5.0 + (f64::from(step) + 0.5) * width;
        // 1 / sqrt(2 pi)
        below += 0.398_942_280_401_432_7 * exp(-z * z / 2.0) * width;
        while quantiles.len() < QUANTILES as usize && (float(quantiles.len() as u64) + 0.5) / f64::from(QUANTILES) <= below {
            quantiles.push(z);
        }
    }
    quantiles.resize(QUANTILES as usize, 3.7);
    quantiles
}

/// How often something happens in a day.
#[derive(Debug, Clone)]
pub struct Poisson(Vec<u64>);

impl Poisson {
    /// With this mean, in thousandths; at most some hundreds.
    pub fn new(mean_permille: u64) -> Self {
        let mean = float(mean_permille) / 1000.0;
        let (mut term, mut sum, mut count) = (exp(-mean), 0.0, 0.0);
        let mut below = vec![];
        while below.len() < 4096 && (sum < 0.999_999_99 || count < mean) {
            sum += term;
            below.push(whole(sum * 4_294_967_296.0));
            count += 1.0;
            term *= mean / count;
        }
        Self(below)
    }

    /// A number of events.
    pub fn draw(&self, chance: &mut Chance) -> u64 {
        let drawn = chance.draw() >> 32;
        self.0.partition_point(|below| *below <= drawn) as u64
    }
}

/// e to the power of x, by its series.
pub fn exp(x: f64) -> f64 {
    if x < 0.0 {
        return 1.0 / exp(-x);
    }
    if x > 1.0 {
        let half = exp(x / 2.0);
        return half * half;
    }
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..18_u32 {
        term *= x / f64::from(n);
        sum += term;
    }
    sum
}

/// The logarithm of base 10, for axes; of nothing or less, that of a millionth.
pub fn log10(x: f64) -> f64 {
    let (mut rest, mut tens) = (x.max(1e-6), 0.0);
    while rest >= 10.0 {
        rest /= 10.0;
        tens += 1.0;
    }
    while rest < 1.0 {
        rest *= 10.0;
        tens -= 1.0;
    }
    // Newton: where does exp reach it?
    let mut natural = 1.0;
    for _ in 0..8 {
        natural += rest / exp(natural) - 1.0;
    }
    tens + natural / std::f64::consts::LN_10
}

/// A count as a number that can be divided. Exact below 2^53, and nothing here is larger by much.
#[expect(clippy::cast_precision_loss, reason = "counts and octets for display and shares; the sums themselves are whole numbers")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, and negative becomes 0")]
pub fn whole(number: f64) -> u64 {
    (number + 0.5) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_published_algorithm() {
        let mut chance = Chance::new(1_234_567);
        assert_eq!([chance.draw(), chance.draw()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn exponent_and_logarithm_agree_with_the_textbook() {
        for (x, expected) in [(0.0, 1.0), (1.0, std::f64::consts::E), (-2.0, 0.135_335_283_236_612_7), (10.0, 22_026.465_794_806_718)] {
            assert!((exp(x) / expected - 1.0).abs() < 1e-12, "{x}: {}", exp(x));
        }
        for (x, expected) in [(1.0, 0.0), (1_000.0, 3.0), (2.0, std::f64::consts::LOG10_2), (0.05, -1.0 - std::f64::consts::LOG10_2)] {
            assert!((log10(x) - expected).abs() < 1e-12, "{x}: {}", log10(x));
        }
    }

    #[test]
    fn sizes_have_the_median_and_the_mean_of_a_log_normal_distribution() {
        let sizes = LogNormal::new(10_000, 1_000);
        let mut chance = Chance::new(1);
        let mut drawn: Vec<_> = (0..20_001).map(|_| sizes.draw(&mut chance)).collect();
        drawn.sort_unstable();
        assert!((9_600..10_400).contains(&drawn[10_000]), "{}", drawn[10_000]);
        // exp(1/2) times the median, less the last quantile's tail.
        assert!((16_200..16_600).contains(&sizes.mean()), "{}", sizes.mean());
    }

    #[test]
    fn events_have_the_mean_that_was_asked_for() {
        for mean in [100, 6_000, 198_000] {
            let (poisson, mut chance) = (Poisson::new(mean), Chance::new(2));
            let sum: u64 = (0..20_000).map(|_| poisson.draw(&mut chance)).sum();
            let found = sum / 20;
            assert!(found.abs_diff(mean) < mean / 20, "{mean}: {found}");
        }
    }
}
