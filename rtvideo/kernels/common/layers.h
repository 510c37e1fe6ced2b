// Arithmetic of a distillation cell (section 3.2.1 of the paper) besides its sums of products.
#pragma once

namespace rt {

constexpr float SLOPE = 0.05f; // of the leaky ReLU below zero

template <class V> FN V leaky(V x) { return max(x, x * SLOPE); }

} // namespace rt
