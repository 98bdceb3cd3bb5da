// Times two shell commands side by side and prints the ratio of their wall
// times: the median over interleaved pairs, with the quartiles.
//
//   compare --name NAME --pairs N [--scale B] [--at-most R] 'COMMAND A'
//   'COMMAND B'
//
// Pairs are interleaved, and which goes first alternates, because the machines
// are shared and their speed drifts. Each command runs once unmeasured first.
// B's time is multiplied by --scale where B does only a part of A's work. Exit
// status 1 when the median is over --at-most, 2 when a command fails. One line
// of JSON goes to descriptor 3 if it is open.

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

double Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

double Seconds(const std::string& command) {
  const double start = Now();
  const int status = std::system((command + " >/dev/null").c_str());
  const double end = Now();
  if (status != 0) {
    std::fprintf(stderr, "compare: this command failed (status %d): %s\n",
                 status, command.c_str());
    std::exit(2);
  }
  return end - start;
}

double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] +
         (at - static_cast<double>(low)) * (values[high] - values[low]);
}

}  // namespace

int main(int argc, char** argv) {
  std::string name = "unnamed";
  int pairs = 9;
  double scale = 1;
  double at_most = 0;
  std::vector<std::string> commands;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const bool has_value = i + 1 < argc;
    if (arg == "--name" && has_value) {
      name = argv[++i];
    } else if (arg == "--pairs" && has_value) {
      pairs = std::atoi(argv[++i]);
    } else if (arg == "--scale" && has_value) {
      scale = std::atof(argv[++i]);
    } else if (arg == "--at-most" && has_value) {
      at_most = std::atof(argv[++i]);
    } else {
      commands.push_back(arg);
    }
  }
  if (commands.size() != 2 || pairs < 1) {
    std::fprintf(stderr,
                 "usage: compare --name NAME --pairs N [--scale B] "
                 "[--at-most R] 'COMMAND A' 'COMMAND B'\n");
    return 2;
  }

  Seconds(commands[0]);
  Seconds(commands[1]);
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> ratios;
  for (int pair = 0; pair < pairs; ++pair) {
    double times[2];
    for (int turn = 0; turn < 2; ++turn) {
      const int which = (pair + turn) % 2;
      times[which] = Seconds(commands[static_cast<std::size_t>(which)]);
    }
    times[1] *= scale;
    a.push_back(times[0]);
    b.push_back(times[1]);
    ratios.push_back(times[0] / times[1]);
  }
  const double median = Quantile(ratios, 0.5);
  const bool met = at_most <= 0 || median <= at_most;
  std::printf("%-44s %8.3f s %8.3f s  ratio %.4f [%.4f, %.4f]", name.c_str(),
              Quantile(a, 0.5), Quantile(b, 0.5), median,
              Quantile(ratios, 0.25), Quantile(ratios, 0.75));
  if (at_most > 0) {
    std::printf("  at most %.4f: %s", at_most, met ? "met" : "NOT MET");
  }
  std::printf("\n");
  if (fcntl(3, F_GETFD) != -1) {
    dprintf(3,
            "{\"name\": \"%s\", \"pairs\": %d, \"a_s\": %.6f, \"b_s\": %.6f, "
            "\"ratio\": %.6f, \"q1\": %.6f, \"q3\": %.6f, \"at_most\": %.6f}\n",
            name.c_str(), pairs, Quantile(a, 0.5), Quantile(b, 0.5), median,
            Quantile(ratios, 0.25), Quantile(ratios, 0.75), at_most);
  }
  return met ? 0 : 1;
}
