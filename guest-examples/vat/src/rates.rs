//! VAT rates of the 27 EU countries, in per mille: the rule's data, reviewed like code.
//!
//! One rate per category; the finer exceptions of national law are left out.

use serde::Deserialize;

/// What is sold, as far as a rate depends on it.
#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Category {
    #[default]
    Standard,
    Food,
    Books,
    Hotel,
    Transport,
}

/// A country and its rates.
#[derive(PartialEq, Debug)]
pub(crate) struct Country {
    pub(crate) code: &'static str,
    standard: u32,
    food: u32,
    books: u32,
    hotel: u32,
    transport: u32,
}

/// Sorted by code; in the order of the arguments: standard, then food, books, hotel, transport.
const COUNTRIES: [Country; 27] = [
    country("AT", 200, [100, 100, 100, 100]),
    country("BE", 210, [60, 60, 120, 60]),
    country("BG", 200, [200, 90, 90, 200]),
    country("CY", 190, [50, 30, 90, 90]),
    country("CZ", 210, [120, 0, 120, 120]),
    country("DE", 190, [70, 70, 70, 70]),
    country("DK", 250, [250, 250, 250, 250]),
    country("EE", 240, [240, 90, 130, 240]),
    country("ES", 210, [100, 40, 100, 100]),
    country("FI", 255, [135, 135, 135, 135]),
    country("FR", 200, [55, 55, 100, 100]),
    country("GR", 240, [130, 60, 130, 130]),
    country("HR", 250, [50, 50, 130, 250]),
    country("HU", 270, [270, 50, 50, 270]),
    country("IE", 230, [0, 0, 135, 135]),
    country("IT", 220, [100, 40, 100, 100]),
    country("LT", 210, [210, 50, 120, 120]),
    country("LU", 170, [30, 30, 30, 80]),
    country("LV", 210, [210, 50, 120, 120]),
    country("MT", 180, [0, 50, 70, 0]),
    country("NL", 210, [90, 90, 210, 90]),
    country("PL", 230, [50, 50, 80, 80]),
    country("PT", 230, [60, 60, 60, 60]),
    country("RO", 210, [110, 110, 110, 210]),
    country("SE", 250, [60, 60, 120, 60]),
    country("SI", 220, [95, 50, 95, 95]),
    country("SK", 230, [190, 50, 50, 230]),
];

const fn country(code: &'static str, standard: u32, [food, books, hotel, transport]: [u32; 4]) -> Country {
    Country { code, standard, food, books, hotel, transport }
}

impl Country {
    /// The country with this code, if it is in the EU.
    pub(crate) fn find(code: &str) -> Option<&'static Self> {
        COUNTRIES.iter().find(|country| country.code == code)
    }

    pub(crate) fn permille(&self, category: Category) -> u32 {
        match category {
            Category::Standard => self.standard,
            Category::Food => self.food,
            Category::Books => self.books,
            Category::Hotel => self.hotel,
            Category::Transport => self.transport,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_no_reduced_rate_is_above_the_standard_one() {
        assert!(COUNTRIES.is_sorted_by_key(|country| country.code));
        for country in &COUNTRIES {
            assert!([country.food, country.books, country.hotel, country.transport].iter().all(|rate| *rate <= country.standard));
        }
    }
}
