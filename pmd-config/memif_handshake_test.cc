// How a memif client joins: what the port announces, and what it refuses.
#include <array>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "pmd-config/memif_port_fixture.h"

namespace weft::test {
namespace {

class MemifHandshakeTest : public MemifPortTest {};

using memif::Message;
using memif::MessageType;
using testing::HasSubstr;

constexpr std::uint32_t kIn = Client::kToServer;
constexpr std::uint32_t kOut = Client::kToClient;

TEST_F(MemifHandshakeTest, AnnouncesVersionTwoWithOneRingEachWay) {
  Client client{socket_};
  const std::optional<Message> hello = client.receive();
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->type(), MessageType::hello);
  EXPECT_EQ(hello->get(memif::kHelloMinVersion), 0x0200);
  EXPECT_EQ(hello->get(memif::kHelloMaxVersion), 0x0200);
  EXPECT_EQ(hello->get(memif::kHelloMaxRingToClient), 0);
  EXPECT_EQ(hello->get(memif::kHelloMaxRingToServer), 0);
}

TEST_F(MemifHandshakeTest, RefusesAWrongInit) {
  const auto refusal = [&](const Message& message) {
    Client client{socket_};
    EXPECT_EQ(client.outcome(), "hello");
    return client.exchange(message);
  };
  Message wrong = Client::init_message();
  wrong.set(memif::kInitVersion, 0x0100);
  EXPECT_THAT(refusal(wrong), HasSubstr("Incompatible memif version"));
  wrong = Client::init_message();
  wrong.set(memif::kInitMode, 1);
  EXPECT_THAT(refusal(wrong), HasSubstr("Only Ethernet mode"));
  EXPECT_THAT(refusal(Message{MessageType::connect}), HasSubstr("Expected INIT"));
  EXPECT_THAT(refusal(Message{static_cast<MessageType>(99)}), HasSubstr("Expected INIT"));
  Client good{socket_};
  EXPECT_EQ(good.join(), "connected");
}

TEST_F(MemifHandshakeTest, RefusesMessagesOfAnotherSize) {
  const std::array<char, 200> octets{};
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{64}, std::size_t{127}, octets.size()}) {
    Client client{socket_};
    EXPECT_EQ(client.say_hello(), "ack");
    client.send_octets(octets.data(), size, client.memory_fd());
    EXPECT_EQ(client.outcome(), "Message is not of 128 octets") << size;
  }
}

TEST_F(MemifHandshakeTest, RefusesUnsafeRegions) {
  const auto refusal = [&](const Message& message, int fd) {
    Client client{socket_};
    EXPECT_EQ(client.say_hello(), "ack");
    return client.exchange(message, fd);
  };
  const UniqueFd sealed = Client::make_memory(4096, F_SEAL_SHRINK);
  const UniqueFd locked = Client::make_memory(4096, F_SEAL_SEAL);
  const UniqueFd file{::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  EXPECT_THAT(refusal(Client::region_message(4096), -1), HasSubstr("without a descriptor"));
  EXPECT_THAT(refusal(Client::region_message(4096), locked.get()), HasSubstr("not a memfd sealed"));
  EXPECT_THAT(refusal(Client::region_message(4096), file.get()), HasSubstr("not a memfd sealed"));
  EXPECT_THAT(refusal(Client::region_message(4097), sealed.get()), HasSubstr("larger than its"));
  EXPECT_THAT(refusal(Client::region_message(0), sealed.get()), HasSubstr("0 octets"));
  EXPECT_THAT(refusal(Client::region_message(~0ULL), sealed.get()), HasSubstr("allowed are"));
  EXPECT_THAT(refusal(Client::region_message(4096, 1), sealed.get()), HasSubstr("not the next"));
}

TEST_F(MemifHandshakeTest, SealsARegionThatTheClientForgotToSeal) {
  const UniqueFd unsealed = Client::make_memory(4096, 0);
  Client client{socket_};
  EXPECT_EQ(client.say_hello(), "ack");
  EXPECT_EQ(client.exchange(Client::region_message(4096), unsealed.get()), "ack");
  EXPECT_NE(::ftruncate(unsealed.get(), 0), 0);
}

TEST_F(MemifHandshakeTest, RefusesRingsThatAreNotWhereTheySay) {
  const auto refusal = [&](const std::function<void(Client&, Message&)>& spoil) {
    Client client{socket_};
    EXPECT_EQ(client.say_hello(), "ack");
    EXPECT_EQ(client.add_region(), "ack");
    EXPECT_EQ(client.add_ring(kOut), "ack");
    Message message = Client::ring_message(kIn);
    spoil(client, message);
    const std::string state = client.exchange(message, client.event());
    return state == "ack" ? client.connect() : state;
  };
  EXPECT_EQ(refusal([](Client&, Message&) {}), "connected");
  EXPECT_THAT(
      refusal([](Client&, Message& m) { m.set(memif::kRingOffset, Client::kRegionOctets - 128); }),
      HasSubstr("outside its region")
  );
  EXPECT_THAT(
      refusal([](Client&, Message& m) { m.set(memif::kRingOffset, 0xFFFFFFC0U); }),
      HasSubstr("outside its region")
  );
  EXPECT_THAT(
      refusal([](Client&, Message& m) { m.set(memif::kRingRegion, 1); }),
      HasSubstr("outside its region")
  );
  EXPECT_THAT(
      refusal([](Client&, Message& m) { m.set(memif::kRingOffset, 8); }), HasSubstr("not aligned")
  );
  EXPECT_THAT(
      refusal([](Client&, Message& m) { m.set(memif::kRingLog2Size, 200); }), HasSubstr("2^14")
  );
  EXPECT_THAT(
      refusal([](Client&, Message& m) { m.set(memif::kRingIndex, 1); }), HasSubstr("Only one ring")
  );
  EXPECT_THAT(
      refusal([](Client&, Message& m) { m.set(memif::kRingFlags, 0); }), HasSubstr("added twice")
  );
  EXPECT_THAT(refusal([](Client& c, Message&) { c.ring(kIn).cookie = 1; }), HasSubstr("cookie"));
}

TEST_F(MemifHandshakeTest, TellsASecondClientThatThePortIsTaken) {
  Client first{socket_};
  ASSERT_EQ(first.join(), "connected");
  Client second{socket_};
  EXPECT_EQ(second.outcome(), "Already connected");
  first.hang_up();
  Client third{socket_};
  EXPECT_EQ(third.join(), "connected");
}

TEST_F(MemifHandshakeTest, SendsAwayAClientThatSaysNothing) {
  Client client{socket_};
  EXPECT_EQ(client.outcome(), "hello");
  EXPECT_EQ(client.outcome(), "Handshake took too long");
}

}  // namespace
}  // namespace weft::test
