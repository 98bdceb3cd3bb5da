// Removing a directory with all that tests left in it.

#ifndef PACELINE_COMMON_OS_REMOVE_TREE_H_
#define PACELINE_COMMON_OS_REMOVE_TREE_H_

#include <string>

namespace paceline {

// Removes `path` and all below it, following no link, those directories too
// from which a test took its own rights away. What cannot be removed stays.
void RemoveTree(const std::string& path);

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_REMOVE_TREE_H_
