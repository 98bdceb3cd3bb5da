#include "cli/text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace paceline {
namespace {

constexpr std::uint32_t kReplacement = 0xfffd;
constexpr char kEscape = '\x1b';

// Takes an escape sequence, which `text` begins with, off its front.
absl::string_view TakeEscape(absl::string_view& text) {
  std::size_t size = 1;
  if (text.size() > 1 && text[1] == '[') {
    // CSI: parameters, then one final byte.
    size = 2;
    while (size < text.size() && (text[size] < '@' || text[size] > '~')) {
      ++size;
    }
    size = size < text.size() ? size + 1 : size;
  } else if (text.size() > 1 && absl::string_view("]P_^X").find(text[1]) !=
                                    absl::string_view::npos) {
    // OSC, DCS, APC, PM and SOS: up to BEL or ESC \.
    size = 2;
    while (size < text.size() && text[size] != '\a' && text[size] != kEscape &&
           text[size] != '\n') {
      ++size;
    }
    if (size < text.size() && text[size] == '\a') {
      ++size;
    } else if (size + 1 < text.size() && text[size] == kEscape &&
               text[size + 1] == '\\') {
      size += 2;
    }
  } else {
    // Intermediate bytes, then one final byte: ESC ( B.
    while (size < text.size() && text[size] >= ' ' && text[size] <= '/') {
      ++size;
    }
    size = size < text.size() ? size + 1 : size;
  }
  const absl::string_view sequence = text.substr(0, size);
  text.remove_prefix(size);
  return sequence;
}

bool IsColour(absl::string_view sequence) {
  return sequence.size() > 2 && sequence[1] == '[' && sequence.back() == 'm' &&
         sequence.find_first_not_of("0123456789;", 2) == sequence.size() - 1;
}

// Roughly: East Asian wide characters and emoji.
std::size_t WidthOf(std::uint32_t character) {
  if (character >= 0x300 && character <= 0x36f) {
    return 0;  // combining marks
  }
  const bool wide = (character >= 0x1100 && character <= 0x115f) ||
                    (character >= 0x2e80 && character <= 0xa4cf) ||
                    (character >= 0xac00 && character <= 0xd7a3) ||
                    (character >= 0xf900 && character <= 0xfaff) ||
                    (character >= 0xfe30 && character <= 0xfe6f) ||
                    (character >= 0xff00 && character <= 0xff60) ||
                    (character >= 0x1f300 && character <= 0x1faff) ||
                    (character >= 0x20000 && character <= 0x3fffd);
  return wide ? 2 : 1;
}

}  // namespace

std::uint32_t TakeCharacter(absl::string_view& text) {
  const auto byte = [&text](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t lead = byte(0);
  std::size_t length = 1;
  std::uint32_t code = lead;
  std::uint32_t smallest = 0;
  if (lead >= 0xf0 && lead < 0xf8) {
    length = 4;
    code = lead & 0x07;
    smallest = 0x10000;
  } else if (lead >= 0xe0 && lead < 0xf0) {
    length = 3;
    code = lead & 0x0f;
    smallest = 0x800;
  } else if (lead >= 0xc0 && lead < 0xe0) {
    length = 2;
    code = lead & 0x1f;
    smallest = 0x80;
  }
  bool valid = (lead < 0x80 || length > 1) && text.size() >= length;
  for (std::size_t i = 1; valid && i < length; ++i) {
    valid = (byte(i) & 0xc0) == 0x80;
    code = code << 6 | (byte(i) & 0x3f);
  }
  valid = valid && code >= smallest && code <= 0x10ffff &&
          (code < 0xd800 || code > 0xdfff);
  text.remove_prefix(valid ? length : 1);
  return valid ? code : kReplacement;
}

void AppendUtf8(std::uint32_t character, std::string& text) {
  const auto tail = [](std::uint32_t bits) {
    return static_cast<char>(0x80 | (bits & 0x3f));
  };
  if (character < 0x80) {
    text += static_cast<char>(character);
  } else if (character < 0x800) {
    text += static_cast<char>(0xc0 | character >> 6);
    text += tail(character);
  } else if (character < 0x10000) {
    text += static_cast<char>(0xe0 | character >> 12);
    text += tail(character >> 6);
    text += tail(character);
  } else {
    text += static_cast<char>(0xf0 | character >> 18);
    text += tail(character >> 12);
    text += tail(character >> 6);
    text += tail(character);
  }
}

std::string Printable(absl::string_view bytes, bool keep_colour) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    if (bytes.front() == kEscape) {
      const absl::string_view sequence = TakeEscape(bytes);
      if (keep_colour && IsColour(sequence)) {
        absl::StrAppend(&text, sequence);
      }
      continue;
    }
    if (bytes.front() == '\r' && bytes.size() > 1 && bytes[1] == '\n') {
      bytes.remove_prefix(1);
    }
    const std::uint32_t character = TakeCharacter(bytes);
    const bool control =
        (character < 0x20 && character != '\n' && character != '\t') ||
        (character >= 0x7f && character < 0xa0);
    AppendUtf8(control ? kReplacement : character, text);
  }
  return text;
}

std::string PrintableLine(absl::string_view bytes) {
  std::string text = Printable(bytes, /*keep_colour=*/false);
  absl::StrReplaceAll({{"\n", " "}, {"\t", " "}}, &text);
  absl::StripAsciiWhitespace(&text);
  return text;
}

std::string XmlEscape(absl::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::uint32_t character = TakeCharacter(bytes);
    switch (character) {
      case '<':
        text += "&lt;";
        break;
      case '>':
        text += "&gt;";
        break;
      case '&':
        text += "&amp;";
        break;
      case '"':
        text += "&quot;";
        break;
      case '\n':
      case '\t':
        text += static_cast<char>(character);
        break;
      case '\r':
        // As it is, a reader would turn it into a newline.
        text += "&#13;";
        break;
      default: {
        const bool allowed =
            character >= 0x20 && character != 0xfffe && character != 0xffff;
        AppendUtf8(allowed ? character : kReplacement, text);
        break;
      }
    }
  }
  return text;
}

std::size_t Columns(absl::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    if (text.front() == kEscape) {
      TakeEscape(text);
    } else {
      columns += WidthOf(TakeCharacter(text));
    }
  }
  return columns;
}

std::string Fit(absl::string_view text, std::size_t columns) {
  if (Columns(text) <= columns) {
    return std::string(text);
  }
  std::string fitted;
  if (columns == 0) {
    return fitted;
  }
  std::size_t taken = 0;
  while (!text.empty()) {
    const std::uint32_t character = TakeCharacter(text);
    if (taken + WidthOf(character) > columns - 1) {
      break;
    }
    taken += WidthOf(character);
    AppendUtf8(character, fitted);
  }
  return fitted + "…";
}

std::string Indent(absl::string_view text, absl::string_view prefix) {
  std::string indented;
  if (!text.empty() && text.back() == '\n') {
    text.remove_suffix(1);
  }
  if (text.empty()) {
    return indented;
  }
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&indented, prefix, line, "\n");
  }
  return indented;
}

std::string Count(std::uint64_t count, absl::string_view one,
                  absl::string_view many) {
  return absl::StrCat(count, " ", count == 1 || many.empty() ? one : many,
                      count != 1 && many.empty() ? "s" : "");
}

std::string ShellQuote(absl::string_view text) {
  const auto plain = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("_-./=+:,@%").find(c) != absl::string_view::npos;
  };
  bool quote = text.empty();
  for (const char c : text) {
    quote = quote || !plain(c);
  }
  return quote ? absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}),
                              "'")
               : std::string(text);
}

}  // namespace paceline
