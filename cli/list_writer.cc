#include "cli/list_writer.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/text.h"

namespace paceline {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kWriteBytes = 64 * 1024;

// Whether the tests of the scope are one unit, whatever they take.
bool StaysWhole(const SuiteSpec& suite, const TestSpec& test) {
  return suite.scopes_share_setup && !test.scope.empty();
}

bool GoesAlone(const TestSpec& test) {
  return test.constraints.has_value() && !test.constraints->trivial();
}

Json NeedsJson(const Constraints& needs) {
  Json json = Json::object();
  if (needs.slots > 1) {
    json["slots"] = needs.slots;
  }
  if (needs.serial) {
    json["serial"] = true;
  }
  const std::pair<const char*, const std::vector<std::string>*> lists[] = {
      {"locks", &needs.locks},
      {"after", &needs.after},
      {"fixtures_required", &needs.fixtures_required},
      {"fixtures_setup", &needs.fixtures_setup},
      {"fixtures_cleanup", &needs.fixtures_cleanup},
  };
  for (const auto& [name, list] : lists) {
    if (!list->empty()) {
      json[name] = *list;
    }
  }
  for (const auto& group : needs.resource_groups) {
    Json& needed = json["resource_groups"].emplace_back(Json::object());
    for (const ResourceNeed& need : group) {
      needed[need.type] = need.slots;
    }
  }
  return json;
}

Json TestJson(const SuiteSpec& suite, const TestSpec& test) {
  Json json = {{"event", "test"}, {"suite", suite.name}, {"test", test.name}};
  if (!test.scope.empty()) {
    json["scope"] = test.scope;
  }
  json["unit"] = StaysWhole(suite, test) ? "scope"
                 : GoesAlone(test)       ? "alone"
                                         : "any";
  if (!test.file.empty()) {
    json["file"] = test.file;
    json["line"] = test.line;
  }
  if (test.timeout.has_value()) {
    json["timeout"] = ToSeconds(*test.timeout);
  }
  if (!test.labels.empty()) {
    json["labels"] = test.labels;
  }
  if (test.skip_reason.has_value()) {
    json["skip"] = *test.skip_reason;
  }
  if (GoesAlone(test)) {
    json["needs"] = NeedsJson(*test.constraints);
  }
  return json;
}

// Names may be any bytes; JSON is UTF-8.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

ListWriter::ListWriter(bool verbose, Sink text, Sink json)
    : verbose_(verbose), text_(std::move(text)), json_(std::move(json)) {}

void ListWriter::Take(const Found& found) {
  if (const auto* suite = std::get_if<FoundSuite>(&found)) {
    TakeSuite(suite->spec);
  } else if (const auto* test = std::get_if<TestSpec>(&found)) {
    TakeTest(*test);
  } else if (const auto* error = std::get_if<DiscoveryError>(&found)) {
    ++errors_;
    if (json_) {
      Line(json_, pending_json_,
           Dump({{"event", "discovery_error"},
                 {"target", error->target},
                 {"message", error->message}}));
    }
  } else if (const auto* over = std::get_if<DiscoveryOver>(&found)) {
    over_ = *over;
  }
}

void ListWriter::TakeSuite(const SuiteSpec& spec) {
  suites_.push_back({spec, 0, {}});
  if (json_) {
    Line(json_, pending_json_,
         Dump({{"event", "suite"},
               {"suite", spec.name},
               {"runner", spec.runner},
               {"program", spec.program}}));
  }
}

void ListWriter::TakeTest(const TestSpec& test) {
  Suite& suite = suites_[Value(test.suite)];
  ++tests_;
  ++suite.tests;
  if (!test.scope.empty()) {
    ++suite.scopes[test.scope];
  }
  if (!StaysWhole(suite.spec, test) && GoesAlone(test)) {
    ++alone_;
  }
  if (json_) {
    Line(json_, pending_json_, Dump(TestJson(suite.spec, test)));
  }
  if (text_) {
    PrintTest(test);
  }
}

void ListWriter::PrintTest(const TestSpec& test) {
  const SuiteSpec& suite = suites_[Value(test.suite)].spec;
  const int number = static_cast<int>(Value(test.suite));
  if (number != last_suite_) {
    last_suite_ = number;
    last_scope_.clear();
    Line(text_, pending_text_,
         absl::StrCat(PrintableLine(suite.name), " (", suite.runner, ")"));
  }
  if (test.scope != last_scope_) {
    last_scope_ = test.scope;
    if (!test.scope.empty()) {
      Line(text_, pending_text_,
           absl::StrCat("  ", PrintableLine(test.scope),
                        StaysWhole(suite, test) ? "  (one unit)" : ""));
    }
  }
  std::string line = absl::StrCat(test.scope.empty() ? "  " : "    ",
                                  PrintableLine(test.name));
  if (test.skip_reason.has_value()) {
    absl::StrAppend(&line, "  [", PrintableLine(*test.skip_reason), "]");
  }
  if (!StaysWhole(suite, test) && GoesAlone(test)) {
    absl::StrAppend(&line, "  (alone)");
  }
  if (verbose_) {
    if (!test.file.empty()) {
      absl::StrAppend(&line, "  ", PrintableLine(test.file), ":", test.line);
    }
    for (const std::string& label : test.labels) {
      absl::StrAppend(&line, "  #", PrintableLine(label));
    }
  }
  Line(text_, pending_text_, line);
}

void ListWriter::Line(const Sink& sink, std::string& pending,
                      absl::string_view line) {
  absl::StrAppend(&pending, line, "\n");
  if (pending.size() >= kWriteBytes) {
    sink(pending);
    pending.clear();
  }
}

void ListWriter::Finish() {
  std::uint64_t scopes = 0;
  std::uint64_t whole = 0;
  std::uint64_t in_whole = 0;
  for (const Suite& suite : suites_) {
    scopes += suite.scopes.size();
    if (suite.spec.scopes_share_setup) {
      whole += suite.scopes.size();
      for (const auto& [name, tests] : suite.scopes) {
        in_whole += tests;
      }
    }
  }
  const std::uint64_t free = tests_ - in_whole - alone_;
  if (json_) {
    Line(json_, pending_json_,
         Dump({{"event", "list_ended"},
               {"suites", suites_.size()},
               {"scopes", scopes},
               {"tests", tests_},
               {"selected", over_.selected},
               {"discovery_errors", errors_},
               {"units",
                {{"whole_scopes", whole},
                 {"alone", alone_},
                 {"cut_as_the_run_goes", free}}}}));
    json_(pending_json_);
  }
  if (text_) {
    std::vector<std::string> units;
    if (whole > 0) {
      units.push_back(absl::StrCat(Count(whole, "scope"), " in one each"));
    }
    if (alone_ > 0) {
      units.push_back(absl::StrCat(Count(alone_, "test"), " alone"));
    }
    if (free > 0) {
      units.push_back(absl::StrCat(Count(free, "test"),
                                   " in units that are cut as the run goes"));
    }
    Line(text_, pending_text_,
         absl::StrCat(
             Count(tests_, "test"), " in ", Count(suites_.size(), "suite"),
             scopes > 0 ? absl::StrCat(" and ", Count(scopes, "scope")) : "",
             units.empty()
                 ? ""
                 : absl::StrCat("; units: ", absl::StrJoin(units, ", "))));
    text_(pending_text_);
  }
  pending_text_.clear();
  pending_json_.clear();
}

}  // namespace paceline
