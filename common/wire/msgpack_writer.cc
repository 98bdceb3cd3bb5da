#include "common/wire/msgpack_writer.h"

// The packer needs nothing of Boost.
#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack/pack.hpp>

namespace paceline {
namespace {

// What msgpack::packer wants of a stream.
class StringSink {
 public:
  explicit StringSink(std::string& out) : out_(out) {}
  void write(const char* data, std::size_t size) { out_.append(data, size); }

 private:
  std::string& out_;
};

template <typename Function>
void Pack(std::string& out, Function function) {
  StringSink sink(out);
  msgpack::packer<StringSink> packer(sink);
  function(packer);
}

}  // namespace

void MsgpackWriter::Nil() {
  Pack(out_, [](auto& packer) { packer.pack_nil(); });
}

void MsgpackWriter::Bool(bool value) {
  Pack(out_, [value](auto& packer) {
    value ? packer.pack_true() : packer.pack_false();
  });
}

void MsgpackWriter::Uint(std::uint64_t value) {
  Pack(out_, [value](auto& packer) { packer.pack_uint64(value); });
}

void MsgpackWriter::Int(std::int64_t value) {
  Pack(out_, [value](auto& packer) { packer.pack_int64(value); });
}

void MsgpackWriter::String(absl::string_view value) {
  Pack(out_, [value](auto& packer) {
    const auto size = static_cast<std::uint32_t>(value.size());
    packer.pack_str(size).pack_str_body(value.data(), size);
  });
}

void MsgpackWriter::Binary(absl::string_view value) {
  Pack(out_, [value](auto& packer) {
    const auto size = static_cast<std::uint32_t>(value.size());
    packer.pack_bin(size).pack_bin_body(value.data(), size);
  });
}

void MsgpackWriter::Array(std::size_t count) {
  Pack(out_, [count](auto& packer) {
    packer.pack_array(static_cast<std::uint32_t>(count));
  });
}

void MsgpackWriter::Map(std::size_t count) {
  Pack(out_, [count](auto& packer) {
    packer.pack_map(static_cast<std::uint32_t>(count));
  });
}

}  // namespace paceline
