# Install rules and the CMake package; filled with the plugin.
