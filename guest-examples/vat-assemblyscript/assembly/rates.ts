// VAT rates of the 27 EU countries, in per mille: the rule's data, reviewed like code.
//
// One rate per category; the finer exceptions of national law are left out.

/** What is sold, as far as a rate depends on it; also the order of a country's rates. */
export enum Category {
  Standard,
  Food,
  Books,
  Hotel,
  Transport,
}

/** As the input names them. */
export const CATEGORIES: string[] = ["standard", "food", "books", "hotel", "transport"];

export class Country {
  constructor(public code: string, private rates: StaticArray<i32>) {}

  permille(category: Category): i32 {
    return this.rates[category];
  }
}

/** The country with this code, if it is in the EU; sorted by code. */
export function countryOf(code: string): Country | null {
  if (code == "AT") return new Country("AT", [200, 100, 100, 100, 100]);
  if (code == "BE") return new Country("BE", [210, 60, 60, 120, 60]);
  if (code == "BG") return new Country("BG", [200, 200, 90, 90, 200]);
  if (code == "CY") return new Country("CY", [190, 50, 30, 90, 90]);
  if (code == "CZ") return new Country("CZ", [210, 120, 0, 120, 120]);
  if (code == "DE") return new Country("DE", [190, 70, 70, 70, 70]);
  if (code == "DK") return new Country("DK", [250, 250, 250, 250, 250]);
  if (code == "EE") return new Country("EE", [240, 240, 90, 130, 240]);
  if (code == "ES") return new Country("ES", [210, 100, 40, 100, 100]);
  if (code == "FI") return new Country("FI", [255, 135, 135, 135, 135]);
  if (code == "FR") return new Country("FR", [200, 55, 55, 100, 100]);
  if (code == "GR") return new Country("GR", [240, 130, 60, 130, 130]);
  if (code == "HR") return new Country("HR", [250, 50, 50, 130, 250]);
  if (code == "HU") return new Country("HU", [270, 270, 50, 50, 270]);
  if (code == "IE") return new Country("IE", [230, 0, 0, 135, 135]);
  if (code == "IT") return new Country("IT", [220, 100, 40, 100, 100]);
  if (code == "LT") return new Country("LT", [210, 210, 50, 120, 120]);
  if (code == "LU") return new Country("LU", [170, 30, 30, 30, 80]);
  if (code == "LV") return new Country("LV", [210, 210, 50, 120, 120]);
  if (code == "MT") return new Country("MT", [180, 0, 50, 70, 0]);
  if (code == "NL") return new Country("NL", [210, 90, 90, 210, 90]);
  if (code == "PL") return new Country("PL", [230, 50, 50, 80, 80]);
  if (code == "PT") return new Country("PT", [230, 60, 60, 60, 60]);
  if (code == "RO") return new Country("RO", [210, 110, 110, 110, 210]);
  if (code == "SE") return new Country("SE", [250, 60, 60, 120, 60]);
  if (code == "SI") return new Country("SI", [220, 95, 50, 95, 95]);
  if (code == "SK") return new Country("SK", [230, 190, 50, 50, 230]);
  return null;
}
