//! How free space is shared out, by Anaconda's rules (blivet, `partitioning.py`): in
//! proportion to the sizes asked for, up to each one's maximum; what those leave is shared
//! again among the others.

/// One that may grow, in whatever unit.
#[derive(Clone, Copy, Debug)]
pub struct GrowRequest {
    /// What it has already.
    pub base: u64,
    /// Its largest size.
    pub max: Option<u64>,
}

/// How much each request grows when `pool` is free. Nothing is left over while one can take it.
pub fn share_growth(mut pool: u64, requests: &[GrowRequest]) -> Vec<u64> {
    let mut growth = vec![0u64; requests.len()];
    let room = |n: usize, grown: u64| {
        requests[n].max.map_or(u64::MAX, |max| max.saturating_sub(requests[n].base + grown))
    };
    loop {
        let open: Vec<usize> = (0..requests.len()).filter(|&n| room(n, growth[n]) > 0).collect();
        let total: u64 = open.iter().map(|&n| requests[n].base.max(1)).sum();
        if pool == 0 || total == 0 {
            return growth;
        }
        let before = pool;
        for &n in &open {
            let part = u128::from(before) * u128::from(requests[n].base.max(1)) / u128::from(total);
            let part = u64::try_from(part).unwrap_or(u64::MAX).min(room(n, growth[n])).min(pool);
            growth[n] += part;
            pool -= part;
        }
        // Less than one unit for each: the first takes it.
        if pool == before {
            let part = pool.min(room(open[0], growth[open[0]]));
            growth[open[0]] += part;
            pool -= part;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_shared_in_proportion_up_to_the_maximum() {
        let request = |base, max| GrowRequest { base, max };
        assert_eq!(share_growth(300, &[request(100, None), request(200, None)]), [100, 200]);
        assert_eq!(share_growth(300, &[request(100, Some(150)), request(200, None)]), [50, 250]);
        assert_eq!(
            share_growth(300, &[request(100, Some(110)), request(200, Some(220))]),
            [10, 20]
        );
        assert_eq!(share_growth(7, &[request(1, None), request(1, None)]).iter().sum::<u64>(), 7);
        assert_eq!(share_growth(10, &[]), Vec::<u64>::new());
        assert_eq!(share_growth(0, &[request(5, None)]), [0]);
    }
}
