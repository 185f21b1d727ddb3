#pragma once

#include <span>

// The steps of a softmax over one long row, in place.
namespace attune {

/// x = (scale x + bias) log2(e), bias empty or as long as x; returns the
/// maximum of the new x. x is not empty.
float ScaleToLog2(std::span<float> x, std::span<const float> bias, float scale);

/// x = 2^(x - shift); returns the sum of the new x.
float Exp2AndSum(std::span<float> x, float shift);

/// y += factor x; equal lengths.
void AddScaled(float factor, std::span<const float> x, std::span<float> y);

}  // namespace attune
