#include "agent/template_set.h"

#include <algorithm>
#include <iterator>

namespace paceline {
namespace {

constexpr Duration kUnused = std::chrono::minutes(1);

}  // namespace

TemplateSet::Way TemplateSet::OnWanted(Instant now, WorkerId worker,
                                       const Key& key) {
  const auto [it, added] = templates_.try_emplace(key);
  Template& suite = it->second;
  suite.last_wanted = now;
  if (added) {
    suite.id = worker;
    return Way::kMayServe;
  }
  switch (suite.state) {
    case State::kAsked:
    case State::kLoading:
      suite.waiting.push_back(worker);
      return Way::kWait;
    case State::kReady:
      return Way::kFork;
    case State::kNone:
      return Way::kFresh;
  }
  return Way::kFresh;
}

bool TemplateSet::OnTemplateHello(WorkerId worker) {
  for (auto& [key, suite] : templates_) {
    if (suite.state == State::kAsked && suite.id == worker) {
      suite.state = State::kLoading;
      suite.waiting.insert(suite.waiting.begin(), worker);
      by_id_.emplace(worker, key);
      return true;
    }
  }
  return false;
}

TemplateSet::Next TemplateSet::OnPlain(WorkerId worker) {
  Next next;
  for (auto& [key, suite] : templates_) {
    if (suite.state == State::kAsked && suite.id == worker) {
      suite.state = State::kNone;
      next.fresh.swap(suite.waiting);
    }
  }
  return next;
}

std::optional<WorkerId> TemplateSet::TemplateOf(const Key& key) const {
  const auto it = templates_.find(key);
  return it == templates_.end() ? std::nullopt
                                : std::optional<WorkerId>(it->second.id);
}

bool TemplateSet::IsReady(WorkerId id) const {
  const auto it = by_id_.find(id);
  return it != by_id_.end() && templates_.at(it->second).state == State::kReady;
}

TemplateSet::Next TemplateSet::OnReady(WorkerId id, bool forkable) {
  Next next;
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) {
    return next;
  }
  Template& suite = templates_.at(it->second);
  std::vector<WorkerId> waiting;
  waiting.swap(suite.waiting);
  if (forkable) {
    suite.state = State::kReady;
    next.fork = std::move(waiting);
    return next;
  }
  suite.state = State::kNone;
  by_id_.erase(it);
  for (const WorkerId worker : waiting) {
    if (worker == id) {
      next.serve = worker;
    } else {
      next.fresh.push_back(worker);
    }
  }
  if (!next.serve.has_value()) {
    next.leave = id;
  }
  return next;
}

TemplateSet::Next TemplateSet::OnGone(WorkerId id) {
  Next next;
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) {
    return next;
  }
  const auto suite = templates_.find(it->second);
  next.fresh.swap(suite->second.waiting);
  if (suite->second.state == State::kReady) {
    templates_.erase(suite);
  } else {
    suite->second.state = State::kNone;
  }
  by_id_.erase(it);
  return next;
}

void TemplateSet::OnDropped(WorkerId worker) {
  for (auto& [key, suite] : templates_) {
    std::erase(suite.waiting, worker);
  }
}

std::vector<WorkerId> TemplateSet::OnRunOver(const RunId& run) {
  std::vector<WorkerId> leaving;
  for (auto it = templates_.begin(); it != templates_.end();) {
    if (it->first.first != run) {
      ++it;
      continue;
    }
    if (by_id_.erase(it->second.id) > 0) {
      leaving.push_back(it->second.id);
    }
    it = templates_.erase(it);
  }
  return leaving;
}

std::vector<RunId> TemplateSet::Unused(Instant now) const {
  std::vector<RunId> unused;
  bool wanted = false;
  for (auto it = templates_.begin(); it != templates_.end(); ++it) {
    wanted = wanted || now - it->second.last_wanted < kUnused;
    const auto after = std::next(it);
    if (after == templates_.end() || after->first.first != it->first.first) {
      if (!wanted) {
        unused.push_back(it->first.first);
      }
      wanted = false;
    }
  }
  return unused;
}

}  // namespace paceline
