#pragma once

#include "base/parallel.h"
#include "engine/train/catalogue.h"
#include "engine/train/neighbour_table.h"

namespace attune {

/// What the items' words alone say: cosine(i, j) of their tokens, each token
/// weighing log(N / items that have it), where it is above 0. Symmetric: row i
/// may be read as "what i in a profile adds to", so that ProfileScorer ranks
/// by the cosine with the mean of a history's vectors. Above 8,192 items each
/// row keeps its 200 largest entries. The same for any number of threads.
NeighbourTable TextCosines(const Catalogue& catalogue, ThreadPool& pool);

}  // namespace attune
