set(ATTUNE_ATTENTION_MODULE_SOURCES
  modules/attention_block.cc
  modules/linear_layer.cc
  modules/parameters.cc
  modules/row_ops.cc)
