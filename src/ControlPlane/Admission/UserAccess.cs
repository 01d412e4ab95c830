using ModuleController.ControlPlane.Access;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Asks the API server what the user of a request may do.</summary>
internal sealed class UserAccess(IKubeClient client)
{
    private const string FieldManager = "modulecontroller-access";

    /// <exception cref="KubeException">The API server could not be asked. Then the request must not pass.</exception>
    public async Task<bool> MayAsync(AdmissionUser user, ResourceAttributes what, CancellationToken cancellation)
    {
        var review = new SubjectAccessReview
        {
            Spec = new()
            {
                User = user.Name,
                Uid = user.Uid,
                Groups = user.Groups,
                Extra = user.Extra,
                ResourceAttributes = what,
            },
        };
        return (await client.CreateAsync(review, FieldManager, cancellation)).Status.Allowed;
    }
}
