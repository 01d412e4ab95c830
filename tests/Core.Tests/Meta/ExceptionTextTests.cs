using ModuleController.Core.Meta;

namespace ModuleController.Core.Tests.Meta;

public sealed class ExceptionTextTests
{
    [Fact]
    public void A_reference_to_an_inner_exception_is_replaced_by_what_that_one_says()
    {
        var exception = new HttpRequestException(
            "The SSL connection could not be established, see inner exception.",
            new IOException("Authentication failed, see inner exception.", new InvalidDataException("the certificate has expired")));

        Assert.Equal("The SSL connection could not be established: Authentication failed: the certificate has expired",
            ExceptionText.Of(exception));
    }

    [Fact]
    public void So_is_one_without_a_word_of_it()
    {
        var exception = new HttpRequestException("An error occurred while sending the request.",
            new IOException("The response ended prematurely."));

        Assert.Equal("An error occurred while sending the request: The response ended prematurely.", ExceptionText.Of(exception));
    }

    [Fact]
    public void A_message_that_says_it_all_stays()
    {
        var exception = new InvalidOperationException("get pods a: connection refused", new IOException("connection refused"));

        Assert.Equal(exception.Message, ExceptionText.Of(exception));
    }
}
