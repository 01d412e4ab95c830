using ModuleController.Dev.ApiServer.Access;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>SubjectAccessReview and SelfSubjectAccessReview: whether a user may send a request.</summary>
public static class AccessReviews
{
    public static async Task AnswerAsync(ApiState state, ApiRequest request)
    {
        var review = await request.ReadObjectAsync();
        var spec = review["spec"];
        var isSelf = request.Type.Kind == "SelfSubjectAccessReview";
        var user = isSelf ? AccessControl.UserOf(request.Http)! : User.Named(spec.Text("user") ?? "", spec.Texts("groups"));
        var decision = state.Access.Review(user, RequestAttributes.Of(spec));
        review["apiVersion"] = request.Type.ApiVersion;
        review["kind"] = request.Type.Kind;
        review.Child("metadata");
        var status = new JsonObject { ["allowed"] = decision.IsAllowed };
        if (decision.Reason.Length > 0) status["reason"] = decision.Reason;
        review["status"] = status;
        await Answers.WriteAsync(request.Http, 201, review);
    }
}
