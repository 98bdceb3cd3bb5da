#include "agent/template_set.h"

#include <algorithm>

namespace paceline {

TemplateSet::Way TemplateSet::OnWanted(WorkerId worker, const Key& key) {
  const auto [it, added] = templates_.try_emplace(key);
  Template& suite = it->second;
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

std::optional<TemplateSet::Key> TemplateSet::KeyOf(WorkerId id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? std::nullopt : std::optional<Key>(it->second);
}

bool TemplateSet::IsReady(WorkerId id) const {
  const std::optional<Key> key = KeyOf(id);
  return key.has_value() && templates_.at(*key).state == State::kReady;
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

}  // namespace paceline
