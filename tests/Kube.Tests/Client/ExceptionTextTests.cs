using ModuleController.Kube.Client;

namespace ModuleController.Kube.Tests.Client;

public sealed class ExceptionTextTests
{
    [Fact]
    public void A_reference_to_an_inner_exception_is_replaced_by_what_that_one_says()
    {
        var exception = new HttpRequestException(
            "The SSL connection could not be established, see inner exception.",
            new IOException("Authentication failed, see inner exception.", new InvalidDataException("the certificate has expired")));

        Assert.Equal("The SSL connection could not be established: Authentication failed: the certificate has expired", ExceptionText.Of(exception));
    }

    [Fact]
    public void A_message_that_says_it_all_stays()
    {
        var exception = new KubeException(new(0, KubeError.Unreachable, "connection refused"), "get pods a", new IOException("connection refused"));

        Assert.Equal(exception.Message, ExceptionText.Of(exception));
    }
}
