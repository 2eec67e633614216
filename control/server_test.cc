// The server over real sockets, driven by hand: no threads, no sleeps.

#include "control/server.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace weft::control {
namespace {

using testing::HasSubstr;

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weft-server-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    path = folder + "/weft.sock";
  }
  void TearDown() override {
    server.reset();
    std::filesystem::remove_all(folder);
  }

  Result<std::unique_ptr<Server>> open() {
    const auto answer = [this](std::string_view line, const Peer&, TimePoint) {
      ++answered;
      auto text =
          std::make_shared<std::string>(handle ? handle(line) : "<" + std::string{line} + ">");
      if (answers_wait) unsettled.push_back(text);
      return text;
    };
    const auto settle = [this] {
      for (const auto& text : unsettled) text->append("!");
      unsettled.clear();
    };
    return Server::open({.path = path, .patience = std::chrono::seconds{5}}, answer, settle);
  }
  void start() {
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    server = std::move(*opened);
  }

  /// A non-blocking client.
  UniqueFd connect() const {
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
    return fd;
  }

  /// Octets sent; the rest did not fit.
  static std::size_t send(const UniqueFd& client, std::string_view text) {
    const ssize_t size = ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
  }
  /// Sends all, letting the server read in between.
  void send_all(const UniqueFd& client, std::string_view text) {
    for (int turns = 0; !text.empty() && turns < 4000; ++turns) {
      text.remove_prefix(send(client, text));
      server->serve(now);
    }
    EXPECT_TRUE(text.empty());
  }
  static std::string receive(const UniqueFd& client) {
    std::string text;
    std::array<char, 65536> buffer;
    for (;;) {
      const ssize_t size = ::recv(client.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) return text;
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
  }
  static bool is_closed(const UniqueFd& client) {
    char octet;
    const ssize_t size = ::recv(client.get(), &octet, 1, MSG_PEEK);
    return size == 0 || (size < 0 && errno != EAGAIN);
  }
  void serve(int turns = 8) {
    for (int i = 0; i < turns; ++i) server->serve(now);
  }

  std::string folder;
  std::string path;
  std::unique_ptr<Server> server;
  std::function<std::string(std::string_view)> handle;
  bool answers_wait = false;  // for settle(), which ends them with an exclamation mark
  std::vector<std::shared_ptr<std::string>> unsettled;
  std::size_t answered = 0;
  TimePoint now{std::chrono::hours{1}};
};

TEST_F(ServerTest, AnswersAreSentWhenTheyAreSettled) {
  answers_wait = true;
  start();
  const UniqueFd one = connect();
  const UniqueFd other = connect();
  server->serve(now);
  send(one, "a\nb\n");
  send(other, "c\n");
  server->serve(now);
  EXPECT_EQ(receive(one), "<a>!\n<b>!\n");
  EXPECT_EQ(receive(other), "<c>!\n");
}

TEST_F(ServerTest, AnswersALine) {
  start();
  const UniqueFd client = connect();
  send(client, "one\n");
  serve();
  EXPECT_EQ(receive(client), "<one>\n");
  EXPECT_FALSE(is_closed(client));
}

TEST_F(ServerTest, SocketIsForOwnerAndGroupOnly) {
  start();
  struct stat file {};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0660U);
}

TEST_F(ServerTest, HalfLinesWaitAndHoldUpNobody) {
  start();
  const UniqueFd slow = connect();
  const UniqueFd quick = connect();
  send(slow, "sl");
  serve();
  send(quick, "quick\n");
  serve();
  EXPECT_EQ(receive(quick), "<quick>\n");
  EXPECT_EQ(receive(slow), "");
  send(slow, "ow\nnext");
  serve();
  EXPECT_EQ(receive(slow), "<slow>\n");
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  const UniqueFd client = connect();
  std::string requests;
  std::string answers;
  for (int i = 0; i < 1000; ++i) {
    requests += std::to_string(i) + "\n";
    answers += "<" + std::to_string(i) + ">\n";
  }
  send(client, requests);
  serve(40);
  EXPECT_EQ(receive(client), answers);
}

TEST_F(ServerTest, AClientWithManyRequestsTakesTurns) {
  start();
  const UniqueFd client = connect();
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "x\n";
  send(client, requests);
  server->serve(now);  // accepts
  server->serve(now);
  EXPECT_EQ(answered, ClientConnection::kRequestsPerTurn);
}

TEST_F(ServerTest, EmptyLinesAreIgnored) {
  start();
  const UniqueFd client = connect();
  send(client, "\n \r\n\none\r\n");
  serve();
  EXPECT_EQ(receive(client), "<one\r>\n");
}

TEST_F(ServerTest, NoAnswerForANotification) {
  handle = [](auto) { return std::string{}; };
  start();
  const UniqueFd client = connect();
  send(client, "one\n");
  serve();
  EXPECT_EQ(answered, 1U);
  EXPECT_EQ(receive(client), "");
}

TEST_F(ServerTest, RequestsBeforeTheEndAreAnswered) {
  start();
  const UniqueFd client = connect();
  send(client, "one\ntwo\nhalf");
  ::shutdown(client.get(), SHUT_WR);
  serve();
  EXPECT_EQ(receive(client), "<one>\n<two>\n");
  EXPECT_TRUE(is_closed(client));
  EXPECT_EQ(server->client_count(), 0U);
}

TEST_F(ServerTest, RequestsOfAClientThatLeftAreCarriedOut) {
  start();
  {
    const UniqueFd client = connect();
    send(client, "one\n");
  }
  serve();
  EXPECT_EQ(answered, 1U);
  EXPECT_EQ(server->client_count(), 0U);
}

TEST_F(ServerTest, TheLongestLineIsAnswered) {
  handle = [](auto line) { return std::to_string(line.size()); };
  start();
  const UniqueFd client = connect();
  send_all(client, std::string(Server::kMaxLine, 'x') + "\n");
  serve();
  EXPECT_EQ(receive(client), std::to_string(Server::kMaxLine) + "\n");
}

TEST_F(ServerTest, ALongerLineIsRefusedAndTheClientClosed) {
  start();
  const UniqueFd client = connect();
  send_all(client, std::string(Server::kMaxLine + 1, 'x') + "\none\n");
  serve();
  const std::string answer = receive(client);
  EXPECT_THAT(answer, HasSubstr("\"code\":-32600"));
  EXPECT_THAT(answer, HasSubstr("longer than the limit 33554432 octets"));
  EXPECT_TRUE(is_closed(client));
  EXPECT_EQ(answered, 0U);
}

TEST_F(ServerTest, AMuchLongerLineIsReadToItsEndSoThatItsSenderSeesTheError) {
  start();
  const UniqueFd client = connect();
  send_all(client, std::string(Server::kMaxLine + 8 * Server::kUsualLine, 'x'));
  serve();
  EXPECT_THAT(receive(client), HasSubstr("longer than the limit"));
  EXPECT_FALSE(is_closed(client));
  send_all(client, "x\n");
  serve();
  EXPECT_TRUE(is_closed(client));
}

TEST_F(ServerTest, OneClientAtATimeSendsALongLine) {
  handle = [](auto line) { return std::to_string(line.size()); };
  start();
  const UniqueFd first = connect();
  const UniqueFd second = connect();
  const std::string half(2 * Server::kUsualLine, 'x');
  send_all(first, half);
  send_all(second, half + "\n");
  serve();
  EXPECT_THAT(receive(second), HasSubstr("another client is sending such a one"));
  EXPECT_TRUE(is_closed(second));
  send_all(first, half + "\n");
  serve();
  EXPECT_EQ(receive(first), std::to_string(2 * half.size()) + "\n");
  const UniqueFd third = connect();
  send_all(third, half + "\n");
  serve();
  EXPECT_EQ(receive(third), std::to_string(half.size()) + "\n");
}

TEST_F(ServerTest, AClientThatStopsInALongLineGivesWay) {
  handle = [](auto line) { return std::to_string(line.size()); };
  start();
  const UniqueFd first = connect();
  send_all(first, std::string(2 * Server::kUsualLine, 'x'));
  serve();
  EXPECT_EQ(server->client_count(), 1U);
  now += std::chrono::seconds{6};
  serve();
  EXPECT_EQ(server->client_count(), 0U);
  const UniqueFd second = connect();
  send_all(second, std::string(2 * Server::kUsualLine, 'x') + "\n");
  serve();
  EXPECT_EQ(receive(second), std::to_string(2 * Server::kUsualLine) + "\n");
}

TEST_F(ServerTest, ALineWithoutEndIsNotReadForEver) {
  start();
  const UniqueFd client = connect();
  send_all(client, std::string(Server::kMaxLine + Server::kUsualLine, 'x'));
  now += std::chrono::seconds{6};
  serve();
  EXPECT_EQ(server->client_count(), 0U);
}

TEST_F(ServerTest, AClientThatNeverReadsIsBoundedAndClosed) {
  handle = [](auto) { return std::string(100'000, 'y'); };
  start();
  const UniqueFd client = connect();
  std::string requests;
  for (int i = 0; i < 20'000; ++i) requests += "x\n";
  send(client, requests);
  serve(1000);
  // As many answers as fit the bound and the kernel's buffers, however many were asked for.
  EXPECT_LT(answered * 100'000, Server::kMaxUnread + 2U * 1024 * 1024);
  EXPECT_EQ(server->client_count(), 1U);
  const UniqueFd other = connect();
  send(other, "x\n");
  serve();
  EXPECT_EQ(receive(other).size(), 100'001U);
  now += std::chrono::seconds{6};
  serve();
  EXPECT_EQ(server->client_count(), 1U);  // the other one
  EXPECT_FALSE(is_closed(other));
}

TEST_F(ServerTest, ASlowReaderGetsEverything) {
  handle = [](auto) { return std::string(100'000, 'y'); };
  start();
  const UniqueFd client = connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += "x\n";
  send(client, requests);
  std::size_t received = 0;
  for (int i = 0; i < 100; ++i) {
    now += std::chrono::seconds{4};
    serve(20);
    received += receive(client).size();
  }
  EXPECT_EQ(received, 50U * 100'001U);
  EXPECT_EQ(server->client_count(), 1U);
}

TEST_F(ServerTest, AnIdleClientStays) {
  start();
  const UniqueFd client = connect();
  send(client, "half");
  serve();
  now += std::chrono::hours{24};
  serve();
  EXPECT_EQ(server->client_count(), 1U);
}

TEST_F(ServerTest, ManyClients) {
  start();
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect());
  for (std::size_t i = 0; i < clients.size(); ++i) send(clients[i], std::to_string(i) + "\n");
  serve();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(receive(clients[i]), "<" + std::to_string(i) + ">\n");
  }
  EXPECT_EQ(server->client_count(), 100U);
  clients.clear();
  serve();
  EXPECT_EQ(server->client_count(), 0U);
}

TEST_F(ServerTest, ClientsBeyondTheLimitAreClosedOnArrival) {
  start();
  std::vector<UniqueFd> clients;
  for (std::size_t i = 0; i <= Server::kMaxClients; ++i) {
    clients.push_back(connect());
    serve(1);
  }
  EXPECT_EQ(server->client_count(), Server::kMaxClients);
  EXPECT_TRUE(is_closed(clients.back()));
  EXPECT_FALSE(is_closed(clients.front()));
}

TEST_F(ServerTest, LeavesNoDescriptorsAndFilesBehind) {
  const auto count = [] {
    const auto fds = std::filesystem::directory_iterator{"/proc/self/fd"};
    return std::distance(begin(fds), end(fds));
  };
  const auto before = count();
  start();
  for (int i = 0; i < 50; ++i) {
    const UniqueFd client = connect();
    send(client, "one\n");
    serve(2);
  }
  server.reset();
  EXPECT_EQ(count(), before);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

// -- one daemon per socket -----------------------------------------------------------------------

TEST_F(ServerTest, ASecondServerIsRefusedWithPathAndPid) {
  start();
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(
      second.error().message,
      "socket " + path + ": another weftd serves it (pid " + std::to_string(::getpid()) + ")"
  );
  const UniqueFd client = connect();
  send(client, "one\n");
  serve();
  EXPECT_EQ(receive(client), "<one>\n");
}

TEST_F(ServerTest, AListenerWithoutTheLockIsRespected) {
  start();
  ASSERT_TRUE(std::filesystem::remove(path + ".lock"));
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another weftd serves it"));
}

TEST_F(ServerTest, AStaleSocketIsTakenOver) {
  {
    const UniqueFd dead{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    std::ofstream{path + ".lock"} << "1\n";
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  start();
  const UniqueFd client = connect();
  send(client, "one\n");
  serve();
  EXPECT_EQ(receive(client), "<one>\n");
}

TEST_F(ServerTest, OtherFilesAreLeftAlone) {
  std::ofstream{path} << "precious";
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("a file that is not a socket"));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ServerTest, PathsThatDoNotFitAreRefused) {
  path = folder + "/" + std::string(108, 'x');
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("above the limit 107"));
}

TEST_F(ServerTest, MissingFoldersAreMade) {
  path = folder + "/a/b/weft.sock";
  start();
  EXPECT_TRUE(std::filesystem::is_socket(path));
}

}  // namespace
}  // namespace weft::control
