// Linear interpolation between samples, each in the middle of its cell.
#pragma once

namespace rt {

template <class V> FN V lerp(V from, V to, float share) { return from + (to - from) * share; }

// Where sample `at` of one grid lies in another, whose cells are 1 / `step` times as large: half-pixel centres.
FN float half_pixel(int at, float step) { return (at + 0.5f) * step - 0.5f; }

} // namespace rt
