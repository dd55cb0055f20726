/**
 * The airport nearest to a US ZIP code, by great-circle distance over all 3,376 airports of vega-datasets. An ordinary
 * function over an ordinary table; `telaio map` calls it on every core:
 *
 *   telaio map examples/nearest-airport.ts node_modules/vega-datasets/data/zipcodes.csv --to sqlite:nearest.sqlite#nearest
 */
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';

export type ZipCode = { zip_code: string; city: string; state: string; latitude: string; longitude: string };
type Place = { latitude: number; longitude: number };
type Airport = { iata: string; name: string; latitude: string; longitude: string };

const file = new URL('../data/airports.csv', import.meta.resolve('vega-datasets'));
const rows: Airport[] = parse(readFileSync(file), { columns: true });
const airports = rows.map(({ iata, name, ...place }) => ({ iata, name, ...degrees(place) }));

export function nearest(zip: ZipCode) {
  const here = degrees(zip);
  let best = { airport: '', name: '', km: Infinity };
  for (const airport of airports) {
    const km = distance(here, airport);
    if (km < best.km) best = { airport: airport.iata, name: airport.name, km };
  }
  return { zip: zip.zip_code, city: zip.city, state: zip.state, ...best };
}

/** Great-circle distance in km by the haversine formula, on a sphere of the earth's mean radius. */
function distance(a: Place, b: Place): number {
  const radian = Math.PI / 180;
  const north = Math.sin(((b.latitude - a.latitude) * radian) / 2) ** 2;
  const east = Math.sin(((b.longitude - a.longitude) * radian) / 2) ** 2;
  const haversine = north + Math.cos(a.latitude * radian) * Math.cos(b.latitude * radian) * east;
  return 2 * 6371.0088 * Math.asin(Math.sqrt(haversine));
}

function degrees(place: { latitude: string; longitude: string }): Place {
  return { latitude: Number(place.latitude), longitude: Number(place.longitude) };
}
