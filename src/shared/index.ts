export { array } from './array.ts';
export { any, type Declaration, type Declarations, type Fields, field, type Initial, ref } from './declared.ts';
export type { FieldType } from './field-type.ts';
export { bool, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64 } from './scalars.ts';
export { Shared, type SharedConstructor, type SharedFields } from './struct.ts';
export { text } from './text.ts';
export { Value } from './value.ts';
