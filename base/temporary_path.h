#pragma once

#include <string>
#include <string_view>

namespace attune {

// Where a file or directory lies until it is complete and renamed to its name.

/// The part of `path` before the last slash; "." where there is none. Slashes
/// at its end do not count.
std::string ParentDirectory(std::string_view path);

/// A name beside `path` for its content until it is complete: hidden, ends in
/// ".tmp", not used by another running process of this machine.
std::string TemporaryPathFor(std::string_view path);

/// Removes what processes of this machine that were killed have left under such
/// names of `path`, and what this one has. What cannot be removed stays.
void RemoveAbandoned(const std::string& path);

}  // namespace attune
