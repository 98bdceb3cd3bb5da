// Like: for functions that take a struct to read it or to fill it.

#ifndef PACELINE_COMMON_WIRE_LIKE_H_
#define PACELINE_COMMON_WIRE_LIKE_H_

#include <concepts>
#include <type_traits>

namespace paceline {

// M is T, const or not.
template <typename M, typename T>
concept Like = std::same_as<std::remove_const_t<M>, T>;

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_LIKE_H_
