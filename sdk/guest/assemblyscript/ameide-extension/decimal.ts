// Numbers for people.

/** The number as a person writes it: `5`, not `5.0`; `17.5`. */
export function decimal(value: f64): string {
  const text = value.toString();
  return text.endsWith(".0") ? text.substring(0, text.length - 2) : text;
}
