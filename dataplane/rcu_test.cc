#include "dataplane/rcu.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(Qsbr, NobodyEnlistedNeverDelays) {
  Qsbr<4> qsbr;
  EXPECT_TRUE(qsbr.has_passed(qsbr.advance()));
}

TEST(Qsbr, WaitsForEveryEnlistedReader) {
  Qsbr<4> qsbr;
  qsbr.enlist(0);
  qsbr.enlist(2);
  const std::uint64_t epoch = qsbr.advance();
  EXPECT_FALSE(qsbr.has_passed(epoch));
  qsbr.quiescent(0);
  EXPECT_FALSE(qsbr.has_passed(epoch));
  qsbr.quiescent(2);
  EXPECT_TRUE(qsbr.has_passed(epoch));
}

TEST(Qsbr, RetiredReaderDelaysNobody) {
  Qsbr<4> qsbr;
  qsbr.enlist(1);
  const std::uint64_t epoch = qsbr.advance();
  qsbr.retire(1);
  EXPECT_TRUE(qsbr.has_passed(epoch));
}

TEST(Qsbr, QuiescentBeforeAdvanceDoesNotCount) {
  Qsbr<4> qsbr;
  qsbr.enlist(0);
  qsbr.quiescent(0);
  EXPECT_FALSE(qsbr.has_passed(qsbr.advance()));
}

// What a reader finds must be whole, and must still be alive while it looks.
struct Checked {
  explicit Checked(std::uint64_t n) : first{n}, last{n} {}
  ~Checked() { first = last = 0; }
  std::uint64_t first;
  std::array<std::uint64_t, 30> middle{};
  std::uint64_t last;
};

// Run under ThreadSanitizer and AddressSanitizer by `./check --full`.
TEST(Published, ReadersNeverSeeWhatWasFreed) {
  constexpr std::size_t kReaders = 2;
  Qsbr<kReaders> qsbr;
  Published<Checked> published;
  static_cast<void>(published.publish(std::make_shared<const Checked>(1)));
  std::atomic<bool> is_done{false};
  std::atomic<std::uint64_t> bad{0};
  std::vector<std::thread> readers;
  for (std::size_t r = 0; r < kReaders; ++r) {
    qsbr.enlist(r);
    readers.emplace_back([&, r] {
      std::uint64_t newest = 0;
      while (!is_done.load(std::memory_order_relaxed)) {
        qsbr.quiescent(r);
        const Checked* checked = published.read();
        if (checked->first != checked->last || checked->first < newest) bad.fetch_add(1);
        newest = checked->first;
        std::this_thread::yield();  // there may be fewer cores than threads
      }
      qsbr.retire(r);
    });
  }
  for (std::uint64_t n = 2; n < 2000; ++n) {
    const auto previous = published.publish(std::make_shared<const Checked>(n));
    const std::uint64_t epoch = qsbr.advance();
    while (!qsbr.has_passed(epoch)) std::this_thread::yield();
  }
  is_done.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(bad.load(), 0U);
}

}  // namespace
}  // namespace weft
